"""Hot loops of ``row_by_row_sqlalchemy_core_threaded``: SQLAlchemy Core, through psycopg2."""

from __future__ import annotations

from typing import Iterable

from sqlalchemy import Connection

from bigdata.census.sf1 import DataRecord, GeoRecord, Key
from bigdata.database import statements as sql
from bigdata.database.look_up import item_rows, known_geo_id
from bigdata.loaders.sqlalchemy_psycopg2 import Error, abandon, cancel, close, connect, session, statement_of
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


def load_geo(connection: Connection, records: Iterable[GeoRecord]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    for record in records:
        connection.execute(INSERT_GEO, record._asdict())


def load_geo_per_record(connection: Connection, records: Iterable[GeoRecord]) -> None:
    """Commit once per record."""
    for record in records:
        connection.execute(INSERT_GEO, record._asdict())
        connection.commit()


def load_data(connection: Connection, records: Iterable[DataRecord]) -> None:
    """Load data records; every statement is a transaction of its own."""
    for record in records:
        insert_elements(connection, record)


def load_data_per_record(connection: Connection, records: Iterable[DataRecord]) -> None:
    """Commit once per record."""
    for record in records:
        insert_elements(connection, record)
        connection.commit()


def insert_elements(connection: Connection, record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    geo_id = known_geo_id(record, connection.scalar(select_geo_id(record)))
    items = connection.execute(select_item_ids(record.segment))
    for (item_id,), value in zip(item_rows(record, items.all()), record.values):
        connection.execute(INSERT_ELEMENT, {"geo_record_id": geo_id, "dictionary_item_id": item_id, "value": value})


def look_up(connection: Connection, keys: Iterable[Key]) -> None:
    """Look up the geo record of each key."""
    for key in keys:
        result = connection.execute(select_geo(key))
        result.one()


def fetch(connection: Connection, keys: Iterable[Key]) -> None:
    """Fetch all data elements of each geo record."""
    for key in keys:
        result = connection.execute(select_elements(key))
        result.all()


def transact(connection: Connection, keys: Iterable[Key]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    for key in keys:
        result = connection.execute(lock_geo(key))
        geo_id, population = result.one()
        connection.execute(update_geo(geo_id, population + 1))
        connection.execute(
            INSERT_ELEMENT,
            {"geo_record_id": geo_id, "dictionary_item_id": sql.FIRST_ITEM_ID, "value": population + 1},
        )
        connection.commit()


def wait(connection: Connection, keys: Iterable[Key]) -> None:
    """Wait for a slow query for each key."""
    for _ in keys:
        connection.scalar(SLEEP)


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing. Raises ValueError for ``executemany``, which makes one INSERT."""
    if executemany:
        raise ValueError("SQLAlchemy: executemany is not implemented here")
    return HotLoops(load_geo, load_data) if autocommit else HotLoops(load_geo_per_record, load_data_per_record)
