"""Data dictionary of Census 2000 Summary File 1: segments, matrices (tables), items and fields of the geo header.

Each CSV file beside this module is read at most once per process. ``bigdata.census.make_dictionary`` writes them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Iterator, Sequence

from bigdata.errors import BadInput


@dataclass(frozen=True)
class Segment:
    """One of the 39 data files that a state has."""

    number: str
    """Number as in the file names and in CIFSN: '01'."""
    first_matrix: str
    last_matrix: str
    items: int
    columns: int
    """Columns of a line: the items and the five fields that identify the record."""
    decimal_items: int
    in_block_rows: bool
    """False: the segment leaves out the records of summary levels 091, 101, 150 and 154."""


@dataclass(frozen=True)
class Matrix:
    """A table of the Bureau, for example 'P1'."""

    code: str
    name: str
    universe: str
    sortkey: int
    """Position in the files, from 1 to 286 over all segments."""
    segment: str


@dataclass(frozen=True)
class Item:
    """One column of a segment: a data item of a matrix."""

    matrix: str
    index: int
    """Position in the matrix, from 0, parents before their children."""
    parent: int | None
    """Index of the item of the same matrix that this one is a part of."""
    decimal: bool
    """A median or an average, which has a decimal point; all others are whole numbers."""
    name: str


@dataclass(frozen=True)
class GeoField:
    """One field of the 400 characters of a geo header line."""

    name: str
    start: int
    """Position of its first character, from 0."""
    end: int
    """Position after its last character."""


@lru_cache(maxsize=None)
def segments() -> tuple[Segment, ...]:
    """Return all 39 segments, in order."""
    return tuple(
        Segment(
            row["segment"],
            row["first_matrix"],
            row["last_matrix"],
            int(row["items"]),
            int(row["columns"]),
            int(row["decimal_items"]),
            row["in_block_rows"] == "yes",
        )
        for row in _rows("segments.csv")
    )


@lru_cache(maxsize=None)
def matrices() -> tuple[Matrix, ...]:
    """Return all 286 matrices, in the order of the files."""
    return tuple(
        Matrix(row["code"], row["name"], row["universe"], int(row["sortkey"]), row["segment"])
        for row in _rows("matrices.csv")
    )


@lru_cache(maxsize=None)
def items() -> tuple[Item, ...]:
    """Return all 8,113 items, in the order of the files."""
    return tuple(
        Item(
            row["matrix"],
            int(row["index"]),
            int(row["parent"]) if row["parent"] else None,
            row["decimal"] == "decimal",
            row["name"],
        )
        for row in _rows("items.csv")
    )


@lru_cache(maxsize=None)
def geo_fields() -> tuple[GeoField, ...]:
    """Return all 83 fields of the geo header."""
    return tuple(GeoField(row["field"], int(row["start"]) - 1, int(row["end"])) for row in _rows("geo_layout.csv"))


@lru_cache(maxsize=None)
def segment(number: str) -> Segment:
    """Return the segment with this number ('01'). Raises KeyError if there is none."""
    return {known.number: known for known in segments()}[number]


def chosen_segments(numbers: Sequence[str]) -> tuple[Segment, ...]:
    """Return the segments that a user asked for (as '01'), sorted, each once. Raises BadInput for an unknown one."""
    known = {known.number: known for known in segments()}
    for number in numbers:
        if number not in known:
            meant = f"did you mean {number.zfill(2)}? " if number.zfill(2) in known else ""
            raise BadInput(
                f"--segments: unknown segment {number!r}; {meant}expected some of {min(known)} to {max(known)}"
            )
    if not numbers:
        raise BadInput(f"--segments: found none; expected some of {min(known)} to {max(known)}")
    return tuple(known[number] for number in sorted(set(numbers)))


@lru_cache(maxsize=None)
def segment_columns(number: str) -> tuple[Item, ...]:
    """Return the items of this segment ('01'), in the order of its columns. Raises KeyError as ``segment`` does."""
    return _items_by_segment()[number]


@lru_cache(maxsize=None)
def geo_field(name: str) -> GeoField:
    """Return the field of the geo header with this name ('LOGRECNO'). Raises KeyError if there is none."""
    return {field.name: field for field in geo_fields()}[name]


@lru_cache(maxsize=None)
def _items_by_segment() -> dict[str, tuple[Item, ...]]:
    segment_of = {matrix.code: matrix.segment for matrix in matrices()}
    found: dict[str, list[Item]] = {known.number: [] for known in segments()}
    for item in items():
        found[segment_of[item.matrix]].append(item)
    return {number: tuple(of_segment) for number, of_segment in found.items()}


def _rows(file_name: str) -> Iterator[dict[str, str]]:
    with Path(__file__).with_name(file_name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
