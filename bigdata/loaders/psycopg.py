"""Hot loops of ``row_by_row_psycopg_threaded`` and ``row_by_row_psycopg_gevent``: psycopg 3, blocking.

The twin of ``psycopg_async``: a test takes async and await out of that file and compares what is left.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable

from psycopg import ClientCursor, Connection, Cursor

from bigdata.census.sf1 import DataRecord, GeoRecord, Key
from bigdata.database import statements as sql
from bigdata.database.look_up import geo_record_id, item_rows
from bigdata.loaders import psycopg_tools
from bigdata.loaders.psycopg_tools import Error, abandon, cancel, statement_of, use_greenlets
from bigdata.runtimes.job import HotLoops, Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "hot_loops", "session", "statement_of", "use_greenlets"]

INSERT_GEO = sql.pyformat(sql.INSERT_GEO)
SELECT_GEO_ID = sql.pyformat(sql.SELECT_GEO_ID)
SELECT_ITEM_IDS = sql.pyformat(sql.SELECT_ITEM_IDS)
INSERT_ELEMENT = sql.pyformat(sql.INSERT_ELEMENT)
SELECT_GEO = sql.pyformat(sql.SELECT_GEO)
SELECT_ELEMENTS = sql.pyformat(sql.SELECT_ELEMENTS)
LOCK_GEO = sql.pyformat(sql.LOCK_GEO)
UPDATE_GEO = sql.pyformat(sql.UPDATE_GEO)
SLEEP = sql.pyformat(sql.SLEEP)


def load_geo(connection: Connection[Any], records: Iterable[GeoRecord]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    with connection.cursor() as cursor:
        for record in records:
            cursor.execute(INSERT_GEO, record)


def load_geo_per_record(connection: Connection[Any], records: Iterable[GeoRecord]) -> None:
    """Commit once per record."""
    with connection.cursor() as cursor:
        for record in records:
            cursor.execute(INSERT_GEO, record)
            connection.commit()


def load_data(connection: Connection[Any], records: Iterable[DataRecord]) -> None:
    """Load data records; every statement is a transaction of its own."""
    with connection.cursor() as cursor:
        for record in records:
            insert_elements(cursor, record)


def load_data_per_record(connection: Connection[Any], records: Iterable[DataRecord]) -> None:
    """Commit once per record."""
    with connection.cursor() as cursor:
        for record in records:
            insert_elements(cursor, record)
            connection.commit()


def load_data_many(connection: Connection[Any], records: Iterable[DataRecord]) -> None:
    """Send the INSERTs of a record in one call: one pipeline, which is one transaction."""
    with connection.cursor() as cursor:
        for record in records:
            insert_many_elements(cursor, record)


def load_data_many_per_record(connection: Connection[Any], records: Iterable[DataRecord]) -> None:
    """Send the INSERTs of a record in one call, and commit once per record."""
    with connection.cursor() as cursor:
        for record in records:
            insert_many_elements(cursor, record)
            connection.commit()


def insert_elements(cursor: Cursor[Any], record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    cursor.execute(SELECT_GEO_ID, (record.fileid, record.stusab, record.logrecno))
    geo_id = geo_record_id(record, cursor.fetchone())
    cursor.execute(SELECT_ITEM_IDS, (record.segment,))
    for (item_id,), value in zip(item_rows(record, cursor.fetchall()), record.values):
        cursor.execute(INSERT_ELEMENT, (geo_id, item_id, value))


def insert_many_elements(cursor: Cursor[Any], record: DataRecord) -> None:
    """Load one record: two SELECTs, then the INSERTs by ``executemany``."""
    cursor.execute(SELECT_GEO_ID, (record.fileid, record.stusab, record.logrecno))
    geo_id = geo_record_id(record, cursor.fetchone())
    cursor.execute(SELECT_ITEM_IDS, (record.segment,))
    items = item_rows(record, cursor.fetchall())
    values = [(geo_id, item_id, value) for (item_id,), value in zip(items, record.values)]
    cursor.executemany(INSERT_ELEMENT, values)


def look_up(connection: Connection[Any], keys: Iterable[Key]) -> None:
    """Look up the geo record of each key."""
    with connection.cursor() as cursor:
        for key in keys:
            # Of any other sequence psycopg asks whether it is one, which takes longer.
            cursor.execute(SELECT_GEO, (*key,))
            cursor.fetchone()


def fetch(connection: Connection[Any], keys: Iterable[Key]) -> None:
    """Fetch all data elements of each geo record."""
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute(SELECT_ELEMENTS, (*key,))
            cursor.fetchall()


def transact(connection: Connection[Any], keys: Iterable[Key]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute(LOCK_GEO, (*key,))
            ((geo_id, population),) = cursor.fetchall()
            cursor.execute(UPDATE_GEO, (population + 1, geo_id))
            cursor.execute(INSERT_ELEMENT, (geo_id, sql.FIRST_ITEM_ID, population + 1))
            connection.commit()


def wait(connection: Connection[Any], keys: Iterable[Key]) -> None:
    """Wait for a slow query for each key."""
    with connection.cursor() as cursor:
        for _ in keys:
            cursor.execute(SLEEP, (sql.SLEEP_S,))
            cursor.fetchone()


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing and inserting."""
    if autocommit:
        return HotLoops(load_geo, load_data_many if executemany else load_data)
    return HotLoops(load_geo_per_record, load_data_many_per_record if executemany else load_data_per_record)


def connect(url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None) -> Connection[Any]:
    """Open a connection; with ``statements`` it counts there what it sends.

    Raises ValueError for a protocol that psycopg does not speak.
    """
    connection_class = psycopg_tools.counting_connection(Connection, statements)
    connection: Connection[Any] = connection_class.connect(
        url,
        autocommit=autocommit,
        cursor_factory=psycopg_tools.counting_cursor(ClientCursor if protocol == "simple" else Cursor, statements),
        **psycopg_tools.connection_options(url, protocol),
    )
    return connection


def session(connection: Connection[Any]) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SESSION)
        return cursor.fetchall()


def close(connection: Connection[Any]) -> None:
    """Close the connection; what was not committed is rolled back."""
    connection.close()
