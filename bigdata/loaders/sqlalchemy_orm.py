"""Hot loops of ``row_by_row_sqlalchemy_orm_threaded``: SQLAlchemy's ORM, through psycopg2.

Each worker keeps one session on its connection. Objects are flushed one by one, so that each is an INSERT of its own.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterable

from sqlalchemy.orm import Session

from bigdata.census.sf1 import DataRecord, Key
from bigdata.census.sf1 import GeoRecord as Geo
from bigdata.database import statements as sql
from bigdata.database.look_up import item_rows, known_geo_id
from bigdata.loaders import sqlalchemy_psycopg2 as connections
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


def load_geo(session: Session, records: Iterable[Geo]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    for record in records:
        session.add(GeoRecord(**record._asdict()))
        session.flush()


def load_geo_per_record(session: Session, records: Iterable[Geo]) -> None:
    """Commit once per record."""
    for record in records:
        session.add(GeoRecord(**record._asdict()))
        session.commit()


def load_data(session: Session, records: Iterable[DataRecord]) -> None:
    """Load data records; every statement is a transaction of its own."""
    for record in records:
        insert_elements(session, record)


def load_data_per_record(session: Session, records: Iterable[DataRecord]) -> None:
    """Commit once per record."""
    for record in records:
        insert_elements(session, record)
        session.commit()


def insert_elements(session: Session, record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    geo_id = known_geo_id(record, session.scalar(select_geo_id(record)))
    items = session.execute(select_item_ids(record.segment))
    for (item_id,), value in zip(item_rows(record, items.all()), record.values):
        session.add(DataElement(geo_record_id=geo_id, dictionary_item_id=item_id, value=value))
        session.flush()


def look_up(session: Session, keys: Iterable[Key]) -> None:
    """Look up the geo record of each key."""
    for key in keys:
        result = session.scalars(select_geo(key))
        result.one()


def fetch(session: Session, keys: Iterable[Key]) -> None:
    """Fetch all data elements of each geo record."""
    for key in keys:
        result = session.execute(select_elements(key))
        result.all()


def transact(session: Session, keys: Iterable[Key]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    for key in keys:
        result = session.scalars(lock_geo(key))
        geo = result.one()
        geo.pop100 += 1
        session.add(DataElement(geo_record_id=geo.id, dictionary_item_id=sql.FIRST_ITEM_ID, value=geo.pop100))
        session.commit()


def wait(session: Session, keys: Iterable[Key]) -> None:
    """Wait for a slow query for each key."""
    for _ in keys:
        session.scalar(SLEEP)


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing. Raises ValueError for ``executemany``, which makes one INSERT."""
    if executemany:
        raise ValueError("SQLAlchemy: executemany is not implemented here")
    return HotLoops(load_geo, load_data) if autocommit else HotLoops(load_geo_per_record, load_data_per_record)


def connect(url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None) -> Session:
    """Open a session on a connection of its own; with ``statements`` it counts there what it sends."""
    connection = connections.connect(url, autocommit=autocommit, protocol=protocol, statements=statements)
    return Session(connection, expire_on_commit=False)
