"""Checks of the rows that the two SELECTs of a record return."""

from __future__ import annotations

from typing import Any, Sequence

from bigdata.census.sf1 import DataRecord, describe
from bigdata.errors import LoadFailed


def geo_record_id(record: DataRecord, row: tuple[Any, ...] | None) -> int:
    """Return the id in the row. Raises LoadFailed if there is no row."""
    return known_geo_id(record, None if row is None else row[0])


def known_geo_id(record: DataRecord, geo_id: int | None) -> int:
    """Return the id. Raises LoadFailed if there is none."""
    if geo_id is None:
        raise LoadFailed(f"{describe(record)}: the database has no geo_record of this stusab and logrecno")
    return geo_id


def item_rows(record: DataRecord, rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows. Raises LoadFailed unless there is one for each value of the record."""
    if len(rows) != len(record.values):
        raise LoadFailed(
            f"{describe(record)}: the record has {len(record.values)} values, but dictionary_item has {len(rows)} "
            f"items for segment {record.segment}; recreate the dictionary: python -m bigdata.cmd rebuild"
        )
    return rows
