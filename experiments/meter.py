"""The CPU time of a server while a loader runs: its counter read again and again, so that each phase has its share.

Only the loader knows when its phases begin and end, and it says so when all is over; what the counter showed then lies
between two readings. A reading may cost up to 0.25% of the time until the next one: of a server that is asked through
an engine far away there are two readings only, before and after, and nothing is said of phases.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.errors import Failure

INTERVAL_S = 0.15
"""Between two readings, at least."""

COST_FACTOR = 400
"""How many times what a reading takes lies between two of them, at least."""

SLOW_S = 0.01
"""A first reading that takes longer is not repeated until the end."""


@dataclass(frozen=True)
class Reading:
    """What a counter showed, and when: the middle of the time that it took to read it (CLOCK_MONOTONIC)."""

    at_s: float
    value: float


class Meter:
    """Reads a counter that only grows when it is entered, when it is left, and by a thread in between."""

    def __init__(self, counter: Callable[[], float]) -> None:
        self._counter = counter
        self._readings: list[Reading] = []
        self._left = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Meter:
        """Raises what the counter raises."""
        cost_s = self._read()
        if cost_s <= SLOW_S:
            self._thread = threading.Thread(target=self._go_on, args=(cost_s,), daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """Raises what the counter raises, unless something has been raised already."""
        self._left.set()
        if self._thread is not None:
            self._thread.join()
        if kind is None:
            self._read()

    @property
    def grown(self) -> float:
        """From the first reading to the last."""
        return self._readings[-1].value - self._readings[0].value

    def between(self, started_s: float, ended_s: float) -> float | None:
        """``find_growth`` of what was read."""
        return find_growth(self._readings, started_s, ended_s)

    def _go_on(self, cost_s: float) -> None:
        while not self._left.wait(max(INTERVAL_S, COST_FACTOR * cost_s)):
            try:
                # The first reading is dearer than the rest, and one that had to wait for a core is no measure.
                cost_s = min(cost_s, self._read())
            except Failure:
                # Whatever it is, the reading at the end will have it, too.
                return

    def _read(self) -> float:
        """Add a reading; returns how long it took."""
        before_s = time.monotonic()
        value = self._counter()
        after_s = time.monotonic()
        self._readings.append(Reading((before_s + after_s) / 2, value))
        return after_s - before_s


def find_growth(readings: Sequence[Reading], started_s: float, ended_s: float) -> float | None:
    """By how much a counter grew from one moment to another, by straight lines between its readings, in their order.

    None where that would say little: a moment outside the readings, or two moments that lie in gaps which together are
    longer than the time between them.
    """
    if len(readings) < 2 or not readings[0].at_s <= started_s <= ended_s <= readings[-1].at_s:
        return None
    (before, gap_before_s), (after, gap_after_s) = _value_at(readings, started_s), _value_at(readings, ended_s)
    return after - before if gap_before_s + gap_after_s <= ended_s - started_s else None


def _value_at(readings: Sequence[Reading], moment_s: float) -> tuple[float, float]:
    """The value on the line between the two readings around a moment, and the time between these."""
    index = max(1, bisect_left([reading.at_s for reading in readings], moment_s))
    a, b = readings[index - 1], readings[index]
    gap_s = b.at_s - a.at_s
    return a.value + (b.value - a.value) * (moment_s - a.at_s) / gap_s, gap_s
