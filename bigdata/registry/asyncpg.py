"""Loader that uses asyncpg."""

from __future__ import annotations

from bigdata.registry.loader import Loader

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
)

LOADERS = (ASYNCIO,)
