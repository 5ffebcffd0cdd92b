"""Hot loops of ``row_by_row_psycopg_asyncio`` that take a connection from psycopg_pool for each operation.

The twin of ``psycopg_pool``: a test takes async and await out of this file and compares what is left.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, AsyncIterable, Iterable

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from bigdata.census.sf1 import Key
from bigdata.database import statements as sql
from bigdata.loaders import psycopg_async
from bigdata.loaders.psycopg_async import INSERT_ELEMENT, LOCK_GEO, SELECT_ELEMENTS, SELECT_GEO, SLEEP, UPDATE_GEO
from bigdata.loaders.psycopg_pool_tools import CLOSE_WITHIN_S, Opened, abandon, cancel, pool_options
from bigdata.loaders.psycopg_tools import Error, statement_of
from bigdata.runtimes.job import Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "session", "statement_of"]


async def look_up(pool: AsyncConnectionPool[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Look up the geo record of each key."""
    async for at_hand in keys:
        for key in at_hand:
            async with pool.connection() as connection:
                cursor = await connection.execute(SELECT_GEO, (*key,))
                await cursor.fetchone()


async def fetch(pool: AsyncConnectionPool[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Fetch all data elements of each geo record."""
    async for at_hand in keys:
        for key in at_hand:
            async with pool.connection() as connection:
                cursor = await connection.execute(SELECT_ELEMENTS, (*key,))
                await cursor.fetchall()


async def transact(pool: AsyncConnectionPool[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Add one to the population of each geo record, and an element with it, in the transaction that a checkout is."""
    async for at_hand in keys:
        for key in at_hand:
            async with pool.connection() as connection:
                cursor = await connection.execute(LOCK_GEO, (*key,))
                ((geo_id, population),) = await cursor.fetchall()
                await connection.execute(UPDATE_GEO, (population + 1, geo_id))
                await connection.execute(INSERT_ELEMENT, (geo_id, sql.FIRST_ITEM_ID, population + 1))


async def wait(pool: AsyncConnectionPool[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Wait for a slow query for each key."""
    async for at_hand in keys:
        for _ in at_hand:
            async with pool.connection() as connection:
                cursor = await connection.execute(SLEEP, (sql.SLEEP_S,))
                await cursor.fetchone()


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


class Opener(Opened):
    """What a pool connects by: its connections are opened as the one of a worker is."""

    async def connect(self, url: str, **options: Any) -> AsyncConnection[Any]:
        """Connect, and keep connection or error."""
        try:
            connection = await psycopg_async.connect(url, **options)
        except Error as error:
            self.error = error
            raise
        self.connections.append(connection)
        return connection


async def connect(
    url: str, *, poolsize: int, autocommit: bool, protocol: str, statements: Counter[str] | None
) -> AsyncConnectionPool[Any]:
    """Open a pool and all its connections; with ``statements`` they count there what they send."""
    opener: Any = Opener()
    options = {"autocommit": autocommit, "protocol": protocol, "statements": statements}
    pool = AsyncConnectionPool(url, connection_class=opener, kwargs=options, open=False, **pool_options(poolsize))
    try:
        await pool.open(wait=True, timeout=pool.timeout)
    except Error as error:
        raise opener.error or error from error
    return pool


async def session(pool: AsyncConnectionPool[Any]) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    async with pool.connection() as connection:
        return await psycopg_async.session(connection)


async def close(pool: AsyncConnectionPool[Any]) -> None:
    """Close all connections; what was not committed is rolled back."""
    await pool.close(CLOSE_WITHIN_S)
