"""Hot loops of ``row_by_row_sqlalchemy_orm_asyncio``: SQLAlchemy's ORM, through asyncpg.

The twin of ``sqlalchemy_orm``: a test takes async and await out of this file and compares what is left.
"""

from __future__ import annotations

from collections import Counter
from typing import AsyncIterable, Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from bigdata.census.sf1 import DataRecord, Key
from bigdata.census.sf1 import GeoRecord as Geo
from bigdata.database import statements as sql
from bigdata.database.look_up import item_rows, known_geo_id
from bigdata.loaders import sqlalchemy_asyncpg as connections
from bigdata.loaders.sqlalchemy_mapping import (
    DataElement,
    GeoRecord,
    lock_geo,
    select_elements,
    select_geo,
    select_geo_id,
    select_item_ids,
)
from bigdata.loaders.sqlalchemy_statements import SLEEP
from bigdata.runtimes.job import HotLoops, Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "hot_loops", "session", "statement_of"]

Error, statement_of = connections.Error, connections.statement_of
abandon, cancel, close, session = connections.abandon, connections.cancel, connections.close, connections.session


async def load_geo(session: AsyncSession, records: AsyncIterable[Iterable[Geo]]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    async for at_hand in records:
        for record in at_hand:
            session.add(GeoRecord(**record._asdict()))
            await session.flush()


async def load_geo_per_record(session: AsyncSession, records: AsyncIterable[Iterable[Geo]]) -> None:
    """Commit once per record."""
    async for at_hand in records:
        for record in at_hand:
            session.add(GeoRecord(**record._asdict()))
            await session.commit()


async def load_data(session: AsyncSession, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Load data records; every statement is a transaction of its own."""
    async for at_hand in records:
        for record in at_hand:
            await insert_elements(session, record)


async def load_data_per_record(session: AsyncSession, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Commit once per record."""
    async for at_hand in records:
        for record in at_hand:
            await insert_elements(session, record)
            await session.commit()


async def insert_elements(session: AsyncSession, record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    geo_id = known_geo_id(record, await session.scalar(select_geo_id(record)))
    items = await session.execute(select_item_ids(record.segment))
    for (item_id,), value in zip(item_rows(record, items.all()), record.values):
        session.add(DataElement(geo_record_id=geo_id, dictionary_item_id=item_id, value=value))
        await session.flush()


async def look_up(session: AsyncSession, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Look up the geo record of each key."""
    async for at_hand in keys:
        for key in at_hand:
            result = await session.scalars(select_geo(key))
            result.one()


async def fetch(session: AsyncSession, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Fetch all data elements of each geo record."""
    async for at_hand in keys:
        for key in at_hand:
            result = await session.execute(select_elements(key))
            result.all()


async def transact(session: AsyncSession, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    async for at_hand in keys:
        for key in at_hand:
            result = await session.scalars(lock_geo(key))
            geo = result.one()
            geo.pop100 += 1
            session.add(DataElement(geo_record_id=geo.id, dictionary_item_id=sql.FIRST_ITEM_ID, value=geo.pop100))
            await session.commit()


async def wait(session: AsyncSession, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Wait for a slow query for each key."""
    async for at_hand in keys:
        for _ in at_hand:
            await session.scalar(SLEEP)


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing. Raises ValueError for ``executemany``, which makes one INSERT."""
    if executemany:
        raise ValueError("SQLAlchemy: executemany is not implemented here")
    return HotLoops(load_geo, load_data) if autocommit else HotLoops(load_geo_per_record, load_data_per_record)


async def connect(url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None) -> AsyncSession:
    """Open a session on a connection of its own; with ``statements`` it counts there what it sends."""
    connection = await connections.connect(url, autocommit=autocommit, protocol=protocol, statements=statements)
    return AsyncSession(connection, expire_on_commit=False)
