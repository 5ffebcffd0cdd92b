"""Hot loops of ``row_by_row_asyncio_yield_from``: aiopg in the style of 2014, with generator coroutines.

Python 3.5 brought ``async`` and ``await``; ``asyncio.coroutine`` went with 3.11, and ``types.coroutine`` does the same.
What is not a coroutine but can be awaited, such as aiopg's cursor, has to be asked for the iterator behind it.
"""

from __future__ import annotations

import sys
from typing import Any, Generator

from aiopg.connection import Connection, Cursor

from bigdata.census.sf1 import DataRecord
from bigdata.database import statements as sql
from bigdata.database.look_up import geo_record_id, item_rows
from bigdata.loaders.aiopg import (
    INSERT_ELEMENT,
    INSERT_GEO,
    LOCK_GEO,
    SELECT_ELEMENTS,
    SELECT_GEO,
    SELECT_GEO_ID,
    SELECT_ITEM_IDS,
    SLEEP,
    UPDATE_GEO,
    abandon,
    cancel,
    close,
    connect,
    session,
)
from bigdata.loaders.psycopg2_tools import Error, statement_of
from bigdata.runtimes.async_records import AsyncRecords
from bigdata.runtimes.job import HotLoops, Operations

if sys.version_info >= (3, 11):
    from types import coroutine
else:
    from asyncio import coroutine

__all__ = ["Error", "abandon", "cancel", "close", "connect", "hot_loops", "session", "statement_of"]

Steps = Generator[Any, Any, None]


@coroutine
def load_geo(connection: Connection, records: AsyncRecords) -> Steps:
    """Load geo records; every INSERT is a transaction of its own."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from records.__anext__()
        except StopAsyncIteration:
            break
        for record in at_hand:
            yield from cursor.execute(INSERT_GEO, record)
    cursor.close()


@coroutine
def load_geo_per_record(connection: Connection, records: AsyncRecords) -> Steps:
    """Commit once per record."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from records.__anext__()
        except StopAsyncIteration:
            break
        for record in at_hand:
            yield from cursor.execute(sql.BEGIN)
            yield from cursor.execute(INSERT_GEO, record)
            yield from cursor.execute(sql.COMMIT)
    cursor.close()


@coroutine
def load_data(connection: Connection, records: AsyncRecords) -> Steps:
    """Load data records; every statement is a transaction of its own."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from records.__anext__()
        except StopAsyncIteration:
            break
        for record in at_hand:
            yield from insert_elements(cursor, record)
    cursor.close()


@coroutine
def load_data_per_record(connection: Connection, records: AsyncRecords) -> Steps:
    """Commit once per record."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from records.__anext__()
        except StopAsyncIteration:
            break
        for record in at_hand:
            yield from cursor.execute(sql.BEGIN)
            yield from insert_elements(cursor, record)
            yield from cursor.execute(sql.COMMIT)
    cursor.close()


@coroutine
def insert_elements(cursor: Cursor, record: DataRecord) -> Steps:
    """Load one record: two SELECTs, then one INSERT per value."""
    yield from cursor.execute(SELECT_GEO_ID, (record.fileid, record.stusab, record.logrecno))
    geo_id = geo_record_id(record, (yield from cursor.fetchone()))
    yield from cursor.execute(SELECT_ITEM_IDS, (record.segment,))
    for (item_id,), value in zip(item_rows(record, (yield from cursor.fetchall())), record.values):
        yield from cursor.execute(INSERT_ELEMENT, (geo_id, item_id, value))


@coroutine
def look_up(connection: Connection, keys: AsyncRecords) -> Steps:
    """Look up the geo record of each key."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from keys.__anext__()
        except StopAsyncIteration:
            break
        for key in at_hand:
            yield from cursor.execute(SELECT_GEO, key)
            yield from cursor.fetchone()
    cursor.close()


@coroutine
def fetch(connection: Connection, keys: AsyncRecords) -> Steps:
    """Fetch all data elements of each geo record."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from keys.__anext__()
        except StopAsyncIteration:
            break
        for key in at_hand:
            yield from cursor.execute(SELECT_ELEMENTS, key)
            yield from cursor.fetchall()
    cursor.close()


@coroutine
def transact(connection: Connection, keys: AsyncRecords) -> Steps:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from keys.__anext__()
        except StopAsyncIteration:
            break
        for key in at_hand:
            yield from cursor.execute(sql.BEGIN)
            yield from cursor.execute(LOCK_GEO, key)
            ((geo_id, population),) = yield from cursor.fetchall()
            yield from cursor.execute(UPDATE_GEO, (population + 1, geo_id))
            yield from cursor.execute(INSERT_ELEMENT, (geo_id, sql.FIRST_ITEM_ID, population + 1))
            yield from cursor.execute(sql.COMMIT)
    cursor.close()


@coroutine
def wait(connection: Connection, keys: AsyncRecords) -> Steps:
    """Wait for a slow query for each key."""
    cursor = yield from connection.cursor().__await__()
    while True:
        try:
            at_hand = yield from keys.__anext__()
        except StopAsyncIteration:
            break
        for _ in at_hand:
            yield from cursor.execute(SLEEP, (sql.SLEEP_S,))
            yield from cursor.fetchone()
    cursor.close()


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing. Raises ValueError for ``executemany``, which aiopg lacks."""
    if executemany:
        raise ValueError("aiopg has no executemany")
    return HotLoops(load_geo, load_data) if autocommit else HotLoops(load_geo_per_record, load_data_per_record)
