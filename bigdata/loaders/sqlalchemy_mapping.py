"""Mapped classes of SQLAlchemy's ORM, and their statements as its documentation writes them."""

from __future__ import annotations

from typing import Any, Iterator

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import DeclarativeBase, Mapped, load_only

from bigdata.census.sf1 import DataRecord, Key
from bigdata.database.statements import LOOKED_UP_COLUMNS
from bigdata.loaders.sqlalchemy_statements import DATA_ELEMENT, DICTIONARY_ITEM, GEO_RECORD, MATRIX


class Base(DeclarativeBase):
    """The base of all mapped classes, whose columns are those of the tables."""


class GeoRecord(Base):
    """A place."""

    __table__ = GEO_RECORD
    id: Mapped[int]
    fileid: Mapped[str]
    stusab: Mapped[str]
    logrecno: Mapped[str]
    pop100: Mapped[int]

    def __iter__(self) -> Iterator[Any]:
        """Yield the looked-up columns that it was given, for whoever checks them like those of a row."""
        return (vars(self)[name] for name in LOOKED_UP_COLUMNS if name in vars(self))


class DataElement(Base):
    """The value of one dictionary item at one place."""

    __table__ = DATA_ELEMENT
    geo_record_id: Mapped[int]
    dictionary_item_id: Mapped[int]
    value: Mapped[Any]


class DictionaryItem(Base):
    """A column of a segment."""

    __table__ = DICTIONARY_ITEM
    id: Mapped[int]
    name: Mapped[str]
    matrix_id: Mapped[int]
    index: Mapped[int]


class Matrix(Base):
    """A table of the Bureau."""

    __table__ = MATRIX
    id: Mapped[int]
    code: Mapped[str]
    sortkey: Mapped[int]
    segment_id: Mapped[str]


LOOKED_UP = load_only(*(getattr(GeoRecord, name) for name in LOOKED_UP_COLUMNS))


def select_geo_id(record: DataRecord) -> Select[Any]:
    """Return the SELECT of the id of a data record's geo record."""
    return select(GeoRecord.id).where(_is_of(record))


def select_item_ids(segment: str) -> Select[Any]:
    """Return the SELECT of the ids of a segment's dictionary items, in order."""
    return (
        select(DictionaryItem.id)
        .join(Matrix, Matrix.id == DictionaryItem.matrix_id)
        .where(Matrix.segment_id == segment)
        .order_by(Matrix.sortkey, DictionaryItem.index)
    )


def select_geo(key: Key) -> Select[Any]:
    """Return the SELECT of a geo record with its looked-up columns."""
    return select(GeoRecord).options(LOOKED_UP).where(_is_of(key))


def select_elements(key: Key) -> Select[Any]:
    """Return the SELECT of all data elements of a geo record with their dictionary items."""
    return (
        select(Matrix.code, DictionaryItem.name, DataElement.value, GeoRecord.stusab, GeoRecord.logrecno)
        .select_from(GeoRecord)
        .join(DataElement, DataElement.geo_record_id == GeoRecord.id)
        .join(DictionaryItem, DictionaryItem.id == DataElement.dictionary_item_id)
        .join(Matrix, Matrix.id == DictionaryItem.matrix_id)
        .where(_is_of(key))
    )


def lock_geo(key: Key) -> Select[Any]:
    """Return the SELECT of a geo record with its population that locks it, and takes what it holds now."""
    locked = select(GeoRecord).options(load_only(GeoRecord.pop100)).where(_is_of(key)).with_for_update()
    return locked.execution_options(populate_existing=True)


def _is_of(key: Key | DataRecord) -> ColumnElement[bool]:
    return and_(GeoRecord.fileid == key.fileid, GeoRecord.stusab == key.stusab, GeoRecord.logrecno == key.logrecno)
