"""Growing counters of a server (CPU time, run-queue wait), sampled while a loader runs: each phase has its share.

Only the loader knows when its phases begin and end, and it reports that at its end; the counter's values then lie
between two readings. Readings take at most 0.25% of a core, by the median CPU time of the last few. A server behind a
remote engine is read only before and after, and has no CPU time for phases.
"""

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
"""The least interval between two readings, as a multiple of the CPU time of one."""

SLOW_S = 0.01
"""If each of the first readings takes longer, nothing is read until the end."""

FIRST_READINGS = 3
"""Attempts to find one that is not slow: one that had to wait for a core is no measure."""

HOPELESS_S = 0.2
"""No process waits for a core that long: a counter this slow is not read a second time."""

LAST_COSTS = 5
"""The median of so many readings predicts the cost of the next one, which grows with the server's processes."""


@dataclass(frozen=True)
class Reading:
    """A counter's value, and the middle of the time that it took to read it (CLOCK_MONOTONIC)."""

    at_s: float
    value: float


class CounterSampler:
    """Reads a growing counter when it is entered, when it is left, and by a thread in between.

    A ``lossy`` one does not count what a process added between its last reading and its end.
    """

    def __init__(self, counter: Callable[[], float], *, lossy: bool = False) -> None:
        self._counter = counter
        self._lossy = lossy
        self._readings: list[Reading] = []
        self._left = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "CounterSampler":
        """Take the first reading. Raises what the counter raises."""
        wall_s, cpu_s = self._read()
        for _ in range(FIRST_READINGS - 1):
            if not SLOW_S < wall_s < HOPELESS_S:
                break
            self._readings.clear()
            again_s, cpu_s = self._read()
            wall_s = min(wall_s, again_s)
        if wall_s <= SLOW_S:
            self._thread = threading.Thread(target=self._sample, args=(cpu_s,), daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """Take the last reading. Raises what the counter raises, unless something has been raised already."""
        self._left.set()
        if self._thread is not None:
            self._thread.join()
        if kind is None:
            self._read()

    @property
    def growth(self) -> float:
        """Growth from the first reading to the last."""
        return self._readings[-1].value - self._readings[0].value

    def between(self, started_s: float, ended_s: float) -> float | None:
        """Return ``find_growth`` of the readings."""
        return find_growth(self._readings, started_s, ended_s, lossy=self._lossy)

    def _sample(self, cpu_s: float) -> None:
        costs_s = deque([cpu_s], maxlen=LAST_COSTS)
        # Of two costs the smaller: the first reading is the most expensive.
        while not self._left.wait(max(INTERVAL_S, COST_FACTOR * median_low(costs_s))):
            try:
                costs_s.append(self._read()[1])
            except Failure:
                # The reading at the end will raise it, too.
                return

    def _read(self) -> tuple[float, float]:
        """Add a reading; return how long it took, and the CPU time of this thread for it."""
        cpu_before_s = time.thread_time()
        before_s = time.monotonic()
        value = self._counter()
        after_s = time.monotonic()
        self._readings.append(Reading((before_s + after_s) / 2, value))
        return after_s - before_s, time.thread_time() - cpu_before_s


def find_growth(readings: Sequence[Reading], started_s: float, ended_s: float, *, lossy: bool = False) -> float | None:
    """Return the growth of a counter in a phase, from the ordered readings around it.

    Growth between the readings inside the phase is known. The two pieces at its edges are estimated: each goes on at
    the rate of the whole interval beside it, but adds no more than the counter grew in the gap that contains it (unless
    the counter is ``lossy``). That is exact for a load that is even at the phase's edges.

    None where an edge lies outside the readings, or fewer than two of them inside.
    """
    if not readings or not readings[0].at_s <= started_s <= ended_s <= readings[-1].at_s:
        return None
    moments_s = [reading.at_s for reading in readings]
    first, last = bisect_left(moments_s, started_s), bisect_right(moments_s, ended_s) - 1
    if last <= first:
        return None
    begin = _edge(readings[first].at_s - started_s, readings[max(0, first - 1) : first + 2], lossy)
    end = _edge(ended_s - readings[last].at_s, readings[last - 1 : last + 2][::-1], lossy)
    return begin + readings[last].value - readings[first].value + end


def _edge(length_s: float, around: Sequence[Reading], lossy: bool) -> float:
    """Return the growth between a phase's edge and the reading in the middle.

    Of the three readings the first is outside the phase and the last inside, in either direction of time. There are
    only two where the edge is at a reading that has none beyond it.
    """
    if length_s == 0:
        return 0.0
    outside, nearest, inside = around
    rate = (inside.value - nearest.value) / (inside.at_s - nearest.at_s)
    likely = abs(rate) * length_s
    return likely if lossy else min(abs(nearest.value - outside.value), likely)
