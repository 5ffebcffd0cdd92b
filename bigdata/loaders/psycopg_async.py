"""Hot loops of ``row_by_row_psycopg_asyncio``: psycopg 3 for asyncio.

The twin of ``psycopg``: a test takes async and await out of this file and compares what is left.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, AsyncIterable, Iterable

from psycopg import AsyncClientCursor, AsyncConnection, AsyncCursor

from bigdata.census.sf1 import DataRecord, GeoRecord, Key
from bigdata.database import statements as sql
from bigdata.database.look_up import geo_record_id, item_rows
from bigdata.loaders import psycopg_tools
from bigdata.loaders.psycopg_tools import Error, abandon, cancel, statement_of
from bigdata.runtimes.job import HotLoops, Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "hot_loops", "session", "statement_of"]

INSERT_GEO = sql.pyformat(sql.INSERT_GEO)
SELECT_GEO_ID = sql.pyformat(sql.SELECT_GEO_ID)
SELECT_ITEM_IDS = sql.pyformat(sql.SELECT_ITEM_IDS)
INSERT_ELEMENT = sql.pyformat(sql.INSERT_ELEMENT)
SELECT_GEO = sql.pyformat(sql.SELECT_GEO)
SELECT_ELEMENTS = sql.pyformat(sql.SELECT_ELEMENTS)
LOCK_GEO = sql.pyformat(sql.LOCK_GEO)
UPDATE_GEO = sql.pyformat(sql.UPDATE_GEO)
SLEEP = sql.pyformat(sql.SLEEP)


async def load_geo(connection: AsyncConnection[Any], records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await cursor.execute(INSERT_GEO, record)


async def load_geo_per_record(connection: AsyncConnection[Any], records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Commit once per record."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await cursor.execute(INSERT_GEO, record)
                await connection.commit()


async def load_data(connection: AsyncConnection[Any], records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Load data records; every statement is a transaction of its own."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await insert_elements(cursor, record)


async def load_data_per_record(connection: AsyncConnection[Any], records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Commit once per record."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await insert_elements(cursor, record)
                await connection.commit()


async def load_data_many(connection: AsyncConnection[Any], records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Send the INSERTs of a record in one call: one pipeline, which is one transaction."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await insert_many_elements(cursor, record)


async def load_data_many_per_record(
    connection: AsyncConnection[Any], records: AsyncIterable[Iterable[DataRecord]]
) -> None:
    """Send the INSERTs of a record in one call, and commit once per record."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await insert_many_elements(cursor, record)
                await connection.commit()


async def insert_elements(cursor: AsyncCursor[Any], record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    await cursor.execute(SELECT_GEO_ID, (record.fileid, record.stusab, record.logrecno))
    geo_id = geo_record_id(record, await cursor.fetchone())
    await cursor.execute(SELECT_ITEM_IDS, (record.segment,))
    for (item_id,), value in zip(item_rows(record, await cursor.fetchall()), record.values):
        await cursor.execute(INSERT_ELEMENT, (geo_id, item_id, value))


async def insert_many_elements(cursor: AsyncCursor[Any], record: DataRecord) -> None:
    """Load one record: two SELECTs, then the INSERTs by ``executemany``."""
    await cursor.execute(SELECT_GEO_ID, (record.fileid, record.stusab, record.logrecno))
    geo_id = geo_record_id(record, await cursor.fetchone())
    await cursor.execute(SELECT_ITEM_IDS, (record.segment,))
    items = item_rows(record, await cursor.fetchall())
    values = [(geo_id, item_id, value) for (item_id,), value in zip(items, record.values)]
    await cursor.executemany(INSERT_ELEMENT, values)


async def look_up(connection: AsyncConnection[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Look up the geo record of each key."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for key in at_hand:
                # Of any other sequence psycopg asks whether it is one, which takes longer.
                await cursor.execute(SELECT_GEO, (*key,))
                await cursor.fetchone()


async def fetch(connection: AsyncConnection[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Fetch all data elements of each geo record."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for key in at_hand:
                await cursor.execute(SELECT_ELEMENTS, (*key,))
                await cursor.fetchall()


async def transact(connection: AsyncConnection[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for key in at_hand:
                await cursor.execute(LOCK_GEO, (*key,))
                ((geo_id, population),) = await cursor.fetchall()
                await cursor.execute(UPDATE_GEO, (population + 1, geo_id))
                await cursor.execute(INSERT_ELEMENT, (geo_id, sql.FIRST_ITEM_ID, population + 1))
                await connection.commit()


async def wait(connection: AsyncConnection[Any], keys: AsyncIterable[Iterable[Key]]) -> None:
    """Wait for a slow query for each key."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for _ in at_hand:
                await cursor.execute(SLEEP, (sql.SLEEP_S,))
                await cursor.fetchone()


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing and inserting."""
    if autocommit:
        return HotLoops(load_geo, load_data_many if executemany else load_data)
    return HotLoops(load_geo_per_record, load_data_many_per_record if executemany else load_data_per_record)


async def connect(
    url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None
) -> AsyncConnection[Any]:
    """Open a connection; with ``statements`` it counts there what it sends.

    Raises ValueError for a protocol that psycopg does not speak.
    """
    connection_class = psycopg_tools.counting_connection(AsyncConnection, statements)
    connection: AsyncConnection[Any] = await connection_class.connect(
        url,
        autocommit=autocommit,
        cursor_factory=psycopg_tools.counting_cursor(
            AsyncClientCursor if protocol == "simple" else AsyncCursor, statements
        ),
        **psycopg_tools.connection_options(url, protocol),
    )
    return connection


async def session(connection: AsyncConnection[Any]) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    async with connection.cursor() as cursor:
        await cursor.execute(sql.SESSION)
        return await cursor.fetchall()


async def close(connection: AsyncConnection[Any]) -> None:
    """Close the connection; what was not committed is rolled back."""
    await connection.close()
