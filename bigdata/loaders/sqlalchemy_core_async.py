"""Hot loops of ``row_by_row_sqlalchemy_core_asyncio``: SQLAlchemy Core, through asyncpg.

The twin of ``sqlalchemy_core``: a test takes async and await out of this file and compares what is left.
"""

from __future__ import annotations

from typing import AsyncIterable, Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from bigdata.census.sf1 import DataRecord, GeoRecord, Key
from bigdata.database import statements as sql
from bigdata.database.look_up import item_rows, known_geo_id
from bigdata.loaders.sqlalchemy_asyncpg import Error, abandon, cancel, close, connect, session, statement_of
from bigdata.loaders.sqlalchemy_statements import (
    INSERT_ELEMENT,
    INSERT_GEO,
    SLEEP,
    lock_geo,
    select_elements,
    select_geo,
    select_geo_id,
    select_item_ids,
    update_geo,
)
from bigdata.runtimes.job import HotLoops, Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "hot_loops", "session", "statement_of"]


async def load_geo(connection: AsyncConnection, records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    async for at_hand in records:
        for record in at_hand:
            await connection.execute(INSERT_GEO, record._asdict())


async def load_geo_per_record(connection: AsyncConnection, records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Commit once per record."""
    async for at_hand in records:
        for record in at_hand:
            await connection.execute(INSERT_GEO, record._asdict())
            await connection.commit()


async def load_data(connection: AsyncConnection, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Load data records; every statement is a transaction of its own."""
    async for at_hand in records:
        for record in at_hand:
            await insert_elements(connection, record)


async def load_data_per_record(connection: AsyncConnection, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Commit once per record."""
    async for at_hand in records:
        for record in at_hand:
            await insert_elements(connection, record)
            await connection.commit()


async def insert_elements(connection: AsyncConnection, record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    geo_id = known_geo_id(record, await connection.scalar(select_geo_id(record)))
    items = await connection.execute(select_item_ids(record.segment))
    for (item_id,), value in zip(item_rows(record, items.all()), record.values):
        await connection.execute(
            INSERT_ELEMENT, {"geo_record_id": geo_id, "dictionary_item_id": item_id, "value": value}
        )


async def look_up(connection: AsyncConnection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Look up the geo record of each key."""
    async for at_hand in keys:
        for key in at_hand:
            result = await connection.execute(select_geo(key))
            result.one()


async def fetch(connection: AsyncConnection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Fetch all data elements of each geo record."""
    async for at_hand in keys:
        for key in at_hand:
            result = await connection.execute(select_elements(key))
            result.all()


async def transact(connection: AsyncConnection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    async for at_hand in keys:
        for key in at_hand:
            result = await connection.execute(lock_geo(key))
            geo_id, population = result.one()
            await connection.execute(update_geo(geo_id, population + 1))
            await connection.execute(
                INSERT_ELEMENT,
                {"geo_record_id": geo_id, "dictionary_item_id": sql.FIRST_ITEM_ID, "value": population + 1},
            )
            await connection.commit()


async def wait(connection: AsyncConnection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Wait for a slow query for each key."""
    async for at_hand in keys:
        for _ in at_hand:
            await connection.scalar(SLEEP)


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing. Raises ValueError for ``executemany``, which makes one INSERT."""
    if executemany:
        raise ValueError("SQLAlchemy: executemany is not implemented here")
    return HotLoops(load_geo, load_data) if autocommit else HotLoops(load_geo_per_record, load_data_per_record)
