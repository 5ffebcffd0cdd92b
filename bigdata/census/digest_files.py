"""Digest of the rows in the files, which after a load equals the digest of the tables.

Over natural keys and in no order: for each row the first 64 bits of the MD5 of its text, as a signed integer; the
digest is the sum of these. The text of a geo row is all of ``GEO_COLUMNS`` joined by '|', each with its length in bytes
and a colon in front, NULL as nothing; of a data element it is ``fileid|stusab|logrecno|matrix code|item index|value``,
numbers as PostgreSQL prints a numeric.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Dict, Iterable

from bigdata.census.dictionary import segment_columns
from bigdata.census.sf1 import KEY_COLUMNS, GeoRecord, Number, NumberCache
from bigdata.census.source import Source
from bigdata.registry import TypedInserts


@dataclass(frozen=True)
class WorkDigest:
    """Amount and digest of the rows that a load of some files creates."""

    geo_records: int
    data_records: int
    rows: int
    """Number of data elements."""
    digest: str
    inserts: TypedInserts


def format_digest(geo_records: int, geo_sum: int, rows: int, data_sum: int) -> str:
    """Return the digest as text, from the counts and the sums over the rows of the two tables."""
    return f"geo:{geo_records}:{geo_sum};data:{rows}:{data_sum}"


def parse_digest(digest: str) -> tuple[int, int, int, int]:
    """Return the counts and sums of a digest: the reverse of ``format_digest``."""
    geo_records, geo_sum, rows, data_sum = (int(number) for number in re.findall(r"-?\d+", digest))
    return geo_records, geo_sum, rows, data_sum


def digest_of(source: Source) -> WorkDigest:
    """Read all of the source and digest it. Raises BadInput at the first bad line."""
    geo_types: Counter[str] = Counter()
    data_types: Counter[str] = Counter()
    geo_records, geo_sum = digest_geo(source.geo_records(), geo_types)
    data_records, rows, data_sum = _digest_data(source.raw_data_lines(), data_types)
    inserts = TypedInserts(tuple(sorted(geo_types.values())), tuple(sorted(data_types.values())))
    return WorkDigest(geo_records, data_records, rows, format_digest(geo_records, geo_sum, rows, data_sum), inserts)


def type_of(number: Number) -> str:
    """Return the smallest PostgreSQL type for the number, as drivers choose it that derive types from values."""
    if isinstance(number, Decimal):
        return "numeric"
    # Nothing in the files is negative.
    return next((name for name, bits in (("int2", 15), ("int4", 31), ("int8", 63)) if number < 1 << bits), "numeric")


class _ValueTypes(Dict[str, str]):
    """Cache of the type for an item's text, as large as NumberCache."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = NumberCache()

    def __missing__(self, text: str) -> str:
        found = type_of(self._numbers[text])
        if text in self._numbers:
            self[text] = found
        return found


class _ValueTexts(Dict[str, bytes]):
    """Cache of an item's number as PostgreSQL prints it, as large as NumberCache."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = NumberCache()

    def __missing__(self, text: str) -> bytes:
        canonical = format(self._numbers[text], "f" if "." in text else "d").encode()
        if text in self._numbers:
            self[text] = canonical
        return canonical


def digest_geo(records: Iterable[GeoRecord], types: Counter[str]) -> tuple[int, int]:
    """Return (rows, sum), and count in ``types`` the combinations of integer types; other types never vary."""
    count = total = 0
    for record in records:
        types[" ".join(type_of(value) for value in record if isinstance(value, int))] += 1
        total += sum_of_rows([b"|".join(map(_with_length, record))])
        count += 1
    return count, total


def _with_length(value: object) -> bytes:
    """Return the value for the digest of a geo row: unambiguous, even if a text contains '|'."""
    if value is None:
        return b""
    text = str(value).encode()
    return b"%d:%b" % (len(text), text)


def _digest_data(lines: Iterable[list[str]], types: Counter[str]) -> tuple[int, int, int]:
    """Return (records, rows, sum), and count the types of the values in ``types``."""
    values, value_types = _ValueTexts(), _ValueTypes()
    of_segment: dict[str, list[bytes]] = {}
    records = rows = total = 0
    for fields in lines:
        fileid, stusab, _, number, logrecno = fields[:KEY_COLUMNS]
        items = of_segment.get(number)
        if items is None:
            items = of_segment[number] = [f"{item.matrix}|{item.index}|".encode() for item in segment_columns(number)]
        key = f"{fileid}|{stusab}|{logrecno}|".encode()
        total += sum_of_rows([key + item + values[text] for item, text in zip(items, fields[KEY_COLUMNS:])])
        types.update(map(value_types.__getitem__, fields[KEY_COLUMNS:]))
        records += 1
        rows += len(items)
    return records, rows, total


def sum_of_rows(texts: list[bytes]) -> int:
    """Return the sum over these texts of rows."""
    md5 = hashlib.md5
    digests = b"".join([md5(text).digest() for text in texts])
    return sum(struct.unpack(f">{2 * len(texts)}q", digests)[::2])
