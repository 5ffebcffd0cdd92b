"""Rows and record latencies of each worker in a phase, with one clock reading per record.

A record's latency is the time from when its worker took it to when that worker asked for the next. Waiting for the
reader, where nothing was read ahead, is no part of it, and neither is summing up what was noted.

To be cheap, a worker only notes records and times, and sums them up every ``NOTES`` records. To bound memory, it keeps
its first ``EXACT`` latencies, and counts further ones in classes: 64 between a time and its double, each 1.1% wide.
From 1 ns to a day there are 3,000 at most, and usually some tens. Where there are any, what is reported is the middle
of a class, at most 0.55% off.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice
from math import floor, log2
from operator import sub
from time import monotonic
from typing import Any, Callable, Mapping, NamedTuple, Sequence

NOTES = 100
EXACT = 10_000
CLASSES_PER_DOUBLING = 64

# Where a clock ticks so slowly that both readings are the same.
_LEAST_S = 1e-9

_PERCENTS = (50, 95, 99)


class Taken(NamedTuple):
    """The work of one worker: number of rows, latencies, and number of further records per class of latency.

    ``instants``, of an open loop alone, are when each operation was due, began and ended, in nanoseconds.
    """

    rows: int
    latencies_s: Sequence[float]
    classes: Mapping[int, int]
    instants: Sequence[Sequence[int]] = ()


class Tally:
    """The tally of one worker. ``rows_of`` returns the number of rows that a record becomes.

    Whoever hands out records appends each to ``records``, with its time by ``clock`` to ``times_s``.
    """

    __slots__ = ("_classes", "_latencies_s", "_rows", "_rows_of", "clock", "records", "times_s")

    def __init__(self, rows_of: Callable[[Any], int]) -> None:
        self._rows_of = rows_of
        self._rows = 0
        self._latencies_s: list[float] = []
        self._classes: Counter[int] = Counter()
        self.clock = monotonic
        self.records: list[Any] = []
        self.times_s: list[float] = []

    def pause(self) -> None:
        """Note that the worker has finished its record and has no next one yet."""
        if self.records:
            self.times_s.append(self.clock())
            self._sum_up()

    def taken(self) -> Taken:
        """Return the result."""
        self._sum_up()
        return Taken(self._rows, self._latencies_s, self._classes)

    def _sum_up(self) -> None:
        # Of most workloads a record is one row.
        self._rows += len(self.records) if self._rows_of is bool else sum(map(self._rows_of, self.records))
        latencies_s = map(sub, self.times_s[1:], self.times_s)
        self._latencies_s.extend(islice(latencies_s, EXACT - len(self._latencies_s)))
        self._classes.update(map(_class_of, latencies_s))
        self.records.clear()
        self.times_s.clear()


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
    exact = sorted(chain.from_iterable(each.latencies_s for each in taken))
    counts: Counter[int] = Counter()
    for each in taken:
        counts.update(each.classes)
    records = len(exact) + sum(counts.values())
    if not records:
        return None
    # In whole numbers, as 0.95 of something is not exact.
    ranks = {f"p{percent}": -(-records * percent // 100) for percent in _PERCENTS}
    if not counts:
        return {name: _to_five_digits(exact[rank - 1] or _LEAST_S) for name, rank in ranks.items()}
    counts.update(map(_class_of, exact))
    return {name: _to_five_digits(_latency_s(counts, rank)) for name, rank in ranks.items()}


def _class_of(latency_s: float) -> int:
    return floor(log2(latency_s or _LEAST_S) * CLASSES_PER_DOUBLING)


def _latency_s(counts: Mapping[int, int], rank: int) -> float:
    """Return the middle of the class with the latency of this rank."""
    below = 0
    for number in sorted(counts):
        below += counts[number]
        if below >= rank:
            break
    return float(2 ** ((number + 0.5) / CLASSES_PER_DOUBLING))


def _to_five_digits(seconds: float) -> float:
    return float(f"{seconds:.5g}")
