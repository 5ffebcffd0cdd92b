"""Loader that uses asyncpg."""

from __future__ import annotations

from bigdata.registry.loader import DriverStatement, Loader, Pool

_RESET = tuple(
    DriverStatement(
        text, per_connection=0, per_operation=1, why="the pool resets each connection that an operation gives back"
    )
    for text in ("SELECT pg_advisory_unlock_all()", "CLOSE ALL", "UNLISTEN *", "RESET ALL")
)

ASYNCIO = Loader(
    name="row_by_row_asyncpg",
    label="asyncpg",
    description="one task per connection, a driver with its own implementation of the protocol",
    driver="asyncpg",
    hot_loop="asyncpg",
    runtime="tasks",
    modules=("asyncpg",),
    requirements=("asyncpg",),
    loops=("asyncio", "uvloop", "rloop"),
    protocols=("prepared", "extended"),
    pool=Pool("asyncpg_pool", statements=_RESET),
)

LOADERS = (ASYNCIO,)
