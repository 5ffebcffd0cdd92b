"""Statements of SQLAlchemy Core, as its documentation writes them; those with values are made for each operation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Update, and_, func, insert, select, update

from bigdata.census.sf1 import DataRecord, Key
from bigdata.database.model import make_metadata
from bigdata.database.statements import LOOKED_UP_COLUMNS, SLEEP_S

METADATA = make_metadata()
GEO_RECORD, DATA_ELEMENT, DICTIONARY_ITEM, MATRIX = (
    METADATA.tables[name] for name in ("geo_record", "data_element", "dictionary_item", "matrix")
)

# Inline, as nobody asks for the new id: an INSERT returns it otherwise.
INSERT_GEO = insert(GEO_RECORD).inline()
INSERT_ELEMENT = insert(DATA_ELEMENT).inline()
SLEEP = select(func.pg_sleep(SLEEP_S).column_valued("slept").cast(Text))


def select_geo_id(record: DataRecord) -> Select[Any]:
    """Return the SELECT of the id of a data record's geo record."""
    return select(GEO_RECORD.c.id).where(_is_of(record))


def select_item_ids(segment: str) -> Select[Any]:
    """Return the SELECT of the ids of a segment's dictionary items, in order."""
    return (
        select(DICTIONARY_ITEM.c.id)
        .join(MATRIX, MATRIX.c.id == DICTIONARY_ITEM.c.matrix_id)
        .where(MATRIX.c.segment_id == segment)
        .order_by(MATRIX.c.sortkey, DICTIONARY_ITEM.c.index)
    )


def select_geo(key: Key) -> Select[Any]:
    """Return the SELECT of the looked-up columns of a geo record."""
    return select(*(GEO_RECORD.c[name] for name in LOOKED_UP_COLUMNS)).where(_is_of(key))


def select_elements(key: Key) -> Select[Any]:
    """Return the SELECT of all data elements of a geo record with their dictionary items."""
    return (
        select(MATRIX.c.code, DICTIONARY_ITEM.c.name, DATA_ELEMENT.c.value, GEO_RECORD.c.stusab, GEO_RECORD.c.logrecno)
        .select_from(GEO_RECORD)
        .join(DATA_ELEMENT, DATA_ELEMENT.c.geo_record_id == GEO_RECORD.c.id)
        .join(DICTIONARY_ITEM, DICTIONARY_ITEM.c.id == DATA_ELEMENT.c.dictionary_item_id)
        .join(MATRIX, MATRIX.c.id == DICTIONARY_ITEM.c.matrix_id)
        .where(_is_of(key))
    )


def lock_geo(key: Key) -> Select[Any]:
    """Return the SELECT of a geo record's id and population that locks it."""
    return select(GEO_RECORD.c.id, GEO_RECORD.c.pop100).where(_is_of(key)).with_for_update()


def update_geo(geo_id: int, population: int) -> Update:
    """Return the UPDATE of a geo record's population."""
    return update(GEO_RECORD).where(GEO_RECORD.c.id == geo_id).values(pop100=population)


def _is_of(key: Key | DataRecord) -> ColumnElement[bool]:
    columns = GEO_RECORD.c
    return and_(columns.fileid == key.fileid, columns.stusab == key.stusab, columns.logrecno == key.logrecno)
