"""The CPU time of a server while a loader runs: its counter read again and again, so that each phase has its share.

Only the loader knows when its phases begin and end, and it says so when all is over; what the counter showed then lies
between two readings. A reading takes up to 0.25% of a core until the next one, by the median of the last few: CPU time,
as one that had to wait for a core has taken nothing from anybody. Of a server that is asked through an engine far away
there are two readings only, before and after, and nothing is said of phases.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median_low

from experiments.errors import Failure

INTERVAL_S = 0.15
"""Between two readings, at least."""

COST_FACTOR = 400
"""How many times the CPU time of a reading lies between two of them, at least."""

SLOW_S = 0.01
"""Where the first readings take longer, each of them, nothing is read until the end."""

FIRST_READINGS = 3
"""So many at most to find one that is not slow: one that had to wait for a core is no measure."""

HOPELESS_S = 0.2
"""No process waits for a core that long: who takes so long to answer is not asked a second time."""

LAST_COSTS = 5
"""Of so many readings the median tells what the next one costs: that grows with the server's processes."""


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
        wall_s, cpu_s = self._read()
        for _ in range(FIRST_READINGS - 1):
            if not SLOW_S < wall_s < HOPELESS_S:
                break
            self._readings.clear()
            again_s, cpu_s = self._read()
            wall_s = min(wall_s, again_s)
        if wall_s <= SLOW_S:
            self._thread = threading.Thread(target=self._go_on, args=(cpu_s,), daemon=True)
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

    def _go_on(self, cpu_s: float) -> None:
        costs_s = deque([cpu_s], maxlen=LAST_COSTS)
        # Of two the smaller: the first reading is dearer than the rest.
        while not self._left.wait(max(INTERVAL_S, COST_FACTOR * median_low(costs_s))):
            try:
                costs_s.append(self._read()[1])
            except Failure:
                # Whatever it is, the reading at the end will have it, too.
                return

    def _read(self) -> tuple[float, float]:
        """Add a reading; returns how long it took, and the CPU time of this thread for it."""
        cpu_before_s = time.thread_time()
        before_s = time.monotonic()
        value = self._counter()
        after_s = time.monotonic()
        self._readings.append(Reading((before_s + after_s) / 2, value))
        return after_s - before_s, time.thread_time() - cpu_before_s


def find_growth(readings: Sequence[Reading], started_s: float, ended_s: float) -> float | None:
    """By how much a counter grew in a phase, from the readings around it, in their order.

    Between the readings inside it is known. What the two pieces at its edges add is not, as a server that works in the
    phase may be idle, or at something else, just before and after: they go on at the rate of the whole interval beside
    them, and add no more than the counter grew in the gap that they are a part of. That is exact for a load that is
    even at the phase's edges, and idle outside or not.

    None where that would say little: a moment outside the readings, or fewer than two of them inside.
    """
    if not readings or not readings[0].at_s <= started_s <= ended_s <= readings[-1].at_s:
        return None
    moments_s = [reading.at_s for reading in readings]
    first, last = bisect_left(moments_s, started_s), bisect_right(moments_s, ended_s) - 1
    if last <= first:
        return None
    begin = _edge(readings[first].at_s - started_s, readings[max(0, first - 1) : first + 2])
    end = _edge(ended_s - readings[last].at_s, readings[last - 1 : last + 2][::-1])
    return begin + readings[last].value - readings[first].value + end


def _edge(length_s: float, around: Sequence[Reading]) -> float:
    """What the counter grew from a phase's edge to the reading in the middle, or the other way round.

    Of the three the first is outside the phase and the last inside: in time, or against it. Two are all where the edge
    is at a reading that has none beyond it.
    """
    if length_s == 0:
        return 0.0
    outside, nearest, inside = around
    rate = (inside.value - nearest.value) / (inside.at_s - nearest.at_s)
    return min(abs(nearest.value - outside.value), abs(rate) * length_s)
