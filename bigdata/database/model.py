"""Tables in SQLAlchemy Core, for set-up only: the measuring process never imports this.

Names are those of the 2014 demo. The comment marks a table as made by this program.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
)

from bigdata.database.marked_tables import MARK


def make_metadata() -> MetaData:
    """Return the four tables: matrix, dictionary_item, geo_record, data_element."""
    metadata = MetaData()
    _matrix(metadata)
    _dictionary_item(metadata)
    _geo_record(metadata)
    _data_element(metadata)
    return metadata


def _matrix(metadata: MetaData) -> None:
    """Add matrix: a table of the Bureau ('P1'), in one of the 39 segments."""
    Table(
        "matrix",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("code", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("universe", Text, nullable=False),
        Column("sortkey", Integer, nullable=False),
        Column("segment_id", Text, nullable=False, index=True),
        comment=MARK,
    )


def _dictionary_item(metadata: MetaData) -> None:
    """Add dictionary_item: a column of a segment, item number ``index`` of its matrix."""
    Table(
        "dictionary_item",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=False),
        Column("matrix_id", ForeignKey("matrix.id"), nullable=False),
        Column("index", Integer, nullable=False),
        Column("parent_id", ForeignKey("dictionary_item.id")),
        # Leads with matrix_id, by which a segment's items are looked up.
        UniqueConstraint("matrix_id", "index"),
        comment=MARK,
    )


def _geo_record(metadata: MetaData) -> None:
    """Add geo_record: a state, a county, ... a block. After the id come the columns of ``sf1.GEO_COLUMNS``."""
    texts = ("state", "county", "tract", "blkgrp", "block", "name")
    counts = ("pop100", "hu100")
    degrees = ("latitude", "longitude")
    areas_m2 = ("land_area", "water_area")
    table = Table(
        "geo_record",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("fileid", Text, nullable=False),
        Column("stusab", Text, nullable=False),
        Column("sumlev", Text),
        Column("geocomp", Text),
        Column("chariter", Text),
        Column("cifsn", Text),
        Column("logrecno", Text, nullable=False),
        *(Column(name, Text) for name in texts),
        *(Column(name, Integer) for name in counts),
        *(Column(name, Numeric(9, 6)) for name in degrees),
        *(Column(name, BigInteger) for name in areas_m2),
        comment=MARK,
    )
    Index("geo_record_of_file", table.c.fileid, table.c.stusab, table.c.logrecno, unique=True)


def _data_element(metadata: MetaData) -> None:
    """Add data_element: the value of one dictionary item at one place."""
    Table(
        "data_element",
        metadata,
        # A few states with all segments have more values than an Integer can count.
        Column("id", BigInteger, primary_key=True),
        Column("geo_record_id", ForeignKey("geo_record.id"), nullable=False),
        Column("dictionary_item_id", ForeignKey("dictionary_item.id"), nullable=False),
        Column("value", Numeric, nullable=False),
        comment=MARK,
    )
