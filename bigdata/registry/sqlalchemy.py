"""Loaders that use SQLAlchemy over psycopg2 and over asyncpg."""

from __future__ import annotations

from dataclasses import replace

from bigdata.registry import asyncpg, psycopg2
from bigdata.registry.loader import DriverStatement, Wording

_PROBES = tuple(
    DriverStatement(text, per_connection=0, per_process=1, why="SQLAlchemy asks for it on a process's first connection")
    for text in (
        "select pg_catalog.version()",
        "select current_schema()",
        "show transaction isolation level",
        "show standard_conforming_strings",
    )
)

# SQLAlchemy puts the table before each column; the ORM knows an object by its id, and asks for that, too.
_OF_KEY = "FROM geo_record WHERE geo_record.fileid = $1 AND geo_record.stusab = $2 AND geo_record.logrecno = $3"


_OF_BOTH = (
    Wording("SELECT_GEO_ID", f"SELECT geo_record.id {_OF_KEY}"),
    Wording("LOCK_GEO", f"SELECT geo_record.id, geo_record.pop100 {_OF_KEY} FOR UPDATE"),
    Wording("UPDATE_GEO", "UPDATE geo_record SET pop100=$1 WHERE geo_record.id = $2"),
    Wording("SLEEP", "SELECT CAST(slept AS TEXT) AS slept FROM pg_sleep($1) AS slept"),
)

_OF_CORE = (
    *_OF_BOTH,
    Wording(
        "SELECT_GEO",
        "SELECT geo_record.stusab, geo_record.logrecno, geo_record.sumlev, geo_record.county, geo_record.name, "
        "geo_record.pop100, geo_record.hu100, geo_record.latitude, geo_record.longitude, geo_record.land_area "
        f"{_OF_KEY}",
    ),
)

_OF_ORM = (
    *_OF_BOTH,
    Wording("INSERT_GEO", "{} RETURNING geo_record.id"),
    Wording("INSERT_ELEMENT", "{} RETURNING data_element.id"),
    Wording(
        "SELECT_GEO",
        "SELECT geo_record.id, geo_record.stusab, geo_record.sumlev, geo_record.logrecno, geo_record.county, "
        "geo_record.name, geo_record.pop100, geo_record.hu100, geo_record.latitude, geo_record.longitude, "
        f"geo_record.land_area {_OF_KEY}",
    ),
)
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
    wordings=_OF_CORE,
    driver_statements=_PROBES,
    executemany=False,
)

ORM_THREADED = replace(
    CORE_THREADED,
    name="row_by_row_sqlalchemy_orm_threaded",
    label="SQLAlchemy ORM · threads",
    description="SQLAlchemy's ORM over psycopg2: one thread and one session per connection, blocking calls",
    hot_loop="sqlalchemy_orm",
    wordings=_OF_ORM,
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
    pool=None,
    layer_over=asyncpg.ASYNCIO.name,
    wordings=_OF_CORE,
    driver_statements=_PROBES,
    casts_parameters=True,
)

ORM_ASYNCIO = replace(
    CORE_ASYNCIO,
    name="row_by_row_sqlalchemy_orm_asyncio",
    label="SQLAlchemy ORM",
    description="SQLAlchemy's ORM over asyncpg: one task and one session per connection on one event loop",
    hot_loop="sqlalchemy_orm_async",
    wordings=_OF_ORM,
)

LOADERS = (CORE_THREADED, ORM_THREADED, CORE_ASYNCIO, ORM_ASYNCIO)
