"""Rows and record latencies of each worker in a phase, with one clock reading per record.

A record's latency is the time from when its worker took it to when that worker asked for the next. Waiting for the
reader, where nothing was read ahead, is no part of it. Latencies are counted in classes rather than kept, so that
memory is bounded however many records there are: 64 classes between a time and its double, each 1.1% wide. What is
reported is the middle of a class, at most 0.55% off; from 1 ns to a day a worker has 3,000 classes at most, and
usually some tens.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from math import floor, log2
from time import monotonic
from typing import Any, Callable, Mapping, NamedTuple, Sequence

CLASSES_PER_DOUBLING = 64

# Where a clock ticks so slowly that both readings are the same.
_LEAST_S = 1e-9

_PERCENTS = (50, 95, 99)


class Taken(NamedTuple):
    """The work of one worker: number of rows, and number of records per latency class."""

    rows: int
    latencies: Mapping[int, int]


class Tally:
    """The tally of one worker. ``rows_of`` returns the number of rows that a record becomes."""

    __slots__ = ("_latencies", "_rows", "_rows_of", "_since_s")

    def __init__(self, rows_of: Callable[[Any], int]) -> None:
        self._rows_of = rows_of
        self._rows = 0
        self._since_s: float | None = None
        self._latencies: defaultdict[int, int] = defaultdict(int)

    def take(self, record: Any) -> None:
        """Note that the worker takes this record and has finished the one before."""
        now_s = monotonic()
        if self._since_s is not None:
            self._latencies[floor(log2(now_s - self._since_s or _LEAST_S) * CLASSES_PER_DOUBLING)] += 1
        self._since_s = now_s
        self._rows += self._rows_of(record)

    def pause(self) -> None:
        """Note that the worker has finished its record and has no next one yet."""
        if self._since_s is not None:
            self._latencies[floor(log2(monotonic() - self._since_s or _LEAST_S) * CLASSES_PER_DOUBLING)] += 1
            self._since_s = None

    def taken(self) -> Taken:
        """Return the result."""
        return Taken(self._rows, dict(self._latencies))


def find_rows_per_worker(taken: Sequence[Taken]) -> dict[str, int] | None:
    """Return the fewest and the most rows of a worker. None without workers."""
    if not taken:
        return None
    rows = [each.rows for each in taken]
    return {"smallest": min(rows), "largest": max(rows)}


def find_latency_percentiles(taken: Sequence[Taken]) -> dict[str, float] | None:
    """Return percentiles of the record latency in seconds ('p50', 'p95', 'p99'); None without records.

    Each is the latency of a record: the one with that rank among all (nearest rank).
    """
    counts: Counter[int] = Counter()
    for each in taken:
        counts.update(each.latencies)
    records = sum(counts.values())
    if not records:
        return None
    # In whole numbers, as 0.95 of something is not exact.
    ranks = {f"p{percent}": -(-records * percent // 100) for percent in _PERCENTS}
    return {name: _latency_s(counts, rank) for name, rank in ranks.items()}


def _latency_s(counts: Mapping[int, int], rank: int) -> float:
    """Return the middle of the class with the latency of this rank, to five digits."""
    below = 0
    for number in sorted(counts):
        below += counts[number]
        if below >= rank:
            break
    return float(f"{2 ** ((number + 0.5) / CLASSES_PER_DOUBLING):.5g}")
