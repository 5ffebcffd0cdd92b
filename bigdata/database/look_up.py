"""Checks, once per record, of what the two SELECTs found."""

from __future__ import annotations

from typing import Any

from bigdata.census.sf1 import DataRecord, describe
from bigdata.errors import LoadFailed


def geo_record_id(record: DataRecord, row: tuple[Any, ...] | None) -> int:
    """The id in the row. Raises LoadFailed where there is no row."""
    return known_geo_id(record, None if row is None else row[0])


def known_geo_id(record: DataRecord, geo_id: int | None) -> int:
    """The id. Raises LoadFailed where there is none."""
    if geo_id is None:
        raise LoadFailed(f"{describe(record)}: the database has no geo_record of this stusab and logrecno")
    return geo_id


def item_rows(record: DataRecord, rows: list[Any]) -> list[Any]:
    """The rows. Raises LoadFailed where there is not one for each value of the record."""
    if len(rows) != len(record.values):
        raise LoadFailed(
            f"{describe(record)}: the record has {len(record.values)} values, but dictionary_item has {len(rows)} "
            f"items for segment {record.segment}; make the dictionary anew: python -m bigdata.cmd rebuild"
        )
    return rows
