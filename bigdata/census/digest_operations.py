"""Digest of what operations return and leave behind, computed from the files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Iterable, Iterator

from bigdata.census import dictionary
from bigdata.census.answers import digest_rows, format_answers
from bigdata.census.digest_files import WorkDigest, digest_geo, format_digest, parse_digest, sum_of_rows
from bigdata.census.operations import draw_operations
from bigdata.census.sf1 import GeoRecord, Key
from bigdata.census.source import Source
from bigdata.database.statements import LOOKED_UP_COLUMNS
from bigdata.registry import FETCH, LOOKUP, WAIT, Workload


@dataclass(frozen=True)
class OperationsDigest:
    """What the operations of a workload come to."""

    operations: int
    """Timed ones."""
    checked: int
    rows: int
    """Rows that the timed ones return."""
    answers: str | None
    """Digest of the rows that the checked ones return; None if the files do not tell."""
    digest: str
    """Of the tables, after all of them."""


def digest_operations(
    source: Source, workload: Workload, work: WorkDigest, poolsize: int, *, is_open: bool = False
) -> OperationsDigest:
    """Return the digest of a pool's operations of a workload other than ``ingest``; ``work`` is that of the source."""
    operations = draw_operations(source, workload, poolsize, is_open=is_open)
    rows = sum(map(operations.rows_of, operations.timed))
    answers = format_answers(*_answers(source, workload, Counter(operations.checked))) if workload.answers else None
    digest = work.digest
    if workload.changes_data:
        digest = _changed_digest(source, work, Counter(operations.checked + operations.timed))
    return OperationsDigest(len(operations.timed), len(operations.checked), rows, answers, digest)


def _answers(source: Source, workload: Workload, drawn: Counter[Key]) -> tuple[int, int]:
    """Return number and sum of the rows that these operations return."""
    count = total = 0
    for key, rows in _rows_by_key(source, workload, drawn):
        of_key, sum_of_key = digest_rows(rows)
        count, total = count + of_key * drawn[key], total + sum_of_key * drawn[key]
    return count, total


def _rows_by_key(
    source: Source, workload: Workload, keys: Iterable[Key]
) -> Iterator[tuple[Key, list[tuple[Any, ...]]]]:
    wanted = set(keys)
    if workload is LOOKUP:
        for geo in source.geo_records():
            if _key_of(geo) in wanted:
                yield _key_of(geo), [tuple(getattr(geo, name) for name in LOOKED_UP_COLUMNS)]
    elif workload is FETCH:
        for data in source.data_records():
            key = Key(data.fileid, data.stusab, data.logrecno)
            if key in wanted:
                items = zip(dictionary.segment_columns(data.segment), data.values)
                yield key, [(item.matrix, item.name, Decimal(value), *key[1:]) for item, value in items]
    elif workload is WAIT:
        for key in wanted:
            yield key, [("",)]


def _changed_digest(source: Source, work: WorkDigest, drawn: Counter[Key]) -> str:
    """Return the digest of the tables after transactions: each adds one to a population, and an element with it."""
    changed = (record._replace(pop100=record.pop100 + drawn[_key_of(record)]) for record in source.geo_records())
    geo_records, geo_sum = digest_geo(changed, Counter())
    item = dictionary.items()[0]
    texts = [
        f"{record.fileid}|{record.stusab}|{record.logrecno}|{item.matrix}|{item.index}|{record.pop100 + more}".encode()
        for record in source.geo_records()
        for more in range(1, drawn[_key_of(record)] + 1)
    ]
    _, _, rows, data_sum = parse_digest(work.digest)
    return format_digest(geo_records, geo_sum, rows + len(texts), data_sum + sum_of_rows(texts))


def _key_of(record: GeoRecord) -> Key:
    return Key(record.fileid, record.stusab, record.logrecno)
