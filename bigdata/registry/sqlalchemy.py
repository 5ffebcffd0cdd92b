"""Loaders that use SQLAlchemy over psycopg2 and over asyncpg."""

from __future__ import annotations

from dataclasses import replace

from bigdata.registry import asyncpg, psycopg2

_FIRST = "SQLAlchemy asks for it once, on the first connection of a process"

_KEY = "WHERE geo_record.fileid = $1 AND geo_record.stusab = $2 AND geo_record.logrecno = $3"

CORE_THREADED = replace(
    psycopg2.THREADED,
    name="row_by_row_sqlalchemy_core_threaded",
    label="SQLAlchemy Core · threads",
    description="SQLAlchemy Core over psycopg2: one thread per connection, blocking calls",
    driver="sqlalchemy",
    hot_loop="sqlalchemy_core",
    modules=("sqlalchemy", "psycopg2"),
    requirements=("sqlalchemy", "psycopg2-binary"),
    layer_over=psycopg2.THREADED.name,
    executemany=False,
)

ORM_THREADED = replace(
    CORE_THREADED,
    name="row_by_row_sqlalchemy_orm_threaded",
    label="SQLAlchemy ORM · threads",
    description="SQLAlchemy's ORM over psycopg2: one thread and one session per connection, blocking calls",
    hot_loop="sqlalchemy_orm",
)

CORE_ASYNCIO = replace(
    asyncpg.ASYNCIO,
    name="row_by_row_sqlalchemy_core_asyncio",
    label="SQLAlchemy Core",
    description="SQLAlchemy Core over asyncpg: one task per connection on one event loop",
    driver="sqlalchemy",
    hot_loop="sqlalchemy_core_async",
    modules=("sqlalchemy", "asyncpg", "greenlet"),
    requirements=("sqlalchemy", "asyncpg", "greenlet"),
    loops=("asyncio", "uvloop"),
    protocols=("prepared",),
    layer_over=asyncpg.ASYNCIO.name,
    casts_parameters=True,
)

ORM_ASYNCIO = replace(
    CORE_ASYNCIO,
    name="row_by_row_sqlalchemy_orm_asyncio",
    label="SQLAlchemy ORM",
    description="SQLAlchemy's ORM over asyncpg: one task and one session per connection on one event loop",
    hot_loop="sqlalchemy_orm_async",
)

LOADERS = (CORE_THREADED, ORM_THREADED, CORE_ASYNCIO, ORM_ASYNCIO)
