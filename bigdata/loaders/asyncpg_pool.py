"""Hot loops of ``row_by_row_asyncpg`` that take a connection from asyncpg's pool for each operation."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import suppress
from typing import Any, AsyncIterable, Iterable

from asyncpg import Pool, create_pool

from bigdata.census.sf1 import Key
from bigdata.database import statements as sql
from bigdata.database.conninfo import pool_timeout_s
from bigdata.loaders import asyncpg
from bigdata.loaders.asyncpg_tools import Error, statement_of
from bigdata.runtimes.job import Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "session", "statement_of"]


async def look_up(pool: Pool, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Look up the geo record of each key."""
    async for at_hand in keys:
        for key in at_hand:
            async with pool.acquire() as connection:
                await connection.fetchrow(sql.SELECT_GEO, *key)


async def fetch(pool: Pool, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Fetch all data elements of each geo record."""
    async for at_hand in keys:
        for key in at_hand:
            async with pool.acquire() as connection:
                await connection.fetch(sql.SELECT_ELEMENTS, *key)


async def transact(pool: Pool, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    async for at_hand in keys:
        for key in at_hand:
            async with pool.acquire() as connection, connection.transaction():
                ((geo_id, population),) = await connection.fetch(sql.LOCK_GEO, *key)
                await connection.execute(sql.UPDATE_GEO, population + 1, geo_id)
                await connection.execute(sql.INSERT_ELEMENT, geo_id, sql.FIRST_ITEM_ID, population + 1)


async def wait(pool: Pool, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Wait for a slow query for each key."""
    async for at_hand in keys:
        for _ in at_hand:
            async with pool.acquire() as connection:
                await connection.fetchrow(sql.SLEEP, sql.SLEEP_S)


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


async def connect(url: str, *, poolsize: int, autocommit: bool, protocol: str, statements: Counter[str] | None) -> Pool:
    """Open a pool and all its connections, which it never replaces; ``statements`` counts what they send."""
    sizes = {"min_size": poolsize, "max_size": poolsize}
    lifetime = {"max_queries": sys.maxsize, "max_inactive_connection_lifetime": 0}
    limit_s = pool_timeout_s(poolsize)
    return await asyncpg.open_by(create_pool, url, protocol, statements, limit_s, **sizes, **lifetime)


async def session(pool: Pool) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    async with pool.acquire() as connection:
        return await asyncpg.session(connection)


async def close(pool: Pool) -> None:
    """Close all connections, even if the server does not answer; what was not committed is rolled back."""
    with suppress(*Error, asyncio.TimeoutError):
        await asyncio.wait_for(pool.close(), asyncpg.CLOSE_WITHIN_S)
    pool.terminate()


def cancel(pool: Any) -> None:
    """Ask the server to cancel the statements that run on the pool's connections, which it keeps to itself."""
    for holder in pool._holders:
        connection = holder._con
        if connection is not None and not holder.is_idle():
            asyncpg.cancel(connection)


def abandon(pool: Any) -> None:
    """Shut down all connections of a pool whose server does not answer; on the event loop."""
    # A loop that is closed has nobody left who waits.
    with suppress(RuntimeError):
        pool._loop.call_soon_threadsafe(pool.terminate)
