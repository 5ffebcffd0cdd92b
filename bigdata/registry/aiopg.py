"""Loaders that use aiopg, which is psycopg2 for asyncio."""

from __future__ import annotations

from dataclasses import replace

from bigdata.registry.loader import DriverStatement, Loader

_HSTORE = DriverStatement(
    "SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = $1",
    per_connection=1,
    why="aiopg looks up the types of hstore when it connects",
)

ASYNCIO = Loader(
    name="row_by_row_asyncio",
    label="aiopg",
    description="one task per connection on one event loop",
    driver="aiopg",
    hot_loop="aiopg",
    runtime="tasks",
    modules=("aiopg", "psycopg2"),
    requirements=("aiopg", "psycopg2-binary"),
    loops=("asyncio", "uvloop", "rloop"),
    driver_statements=(_HSTORE,),
)

YIELD_FROM = replace(
    ASYNCIO,
    name="row_by_row_asyncio_yield_from",
    label="aiopg (yield from)",
    description="tasks of generator coroutines with yield from: the style of 2014",
    hot_loop="aiopg_yield_from",
    loops=("asyncio", "uvloop"),
)

LOADERS = (ASYNCIO, YIELD_FROM)
