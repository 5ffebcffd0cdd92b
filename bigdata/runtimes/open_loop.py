"""Open loop: operations come at the instants of a schedule, whether or not those before them are done.

A worker takes the next operation and waits for its instant. One whose instant has passed begins at once: it was queued.
Over a pool of workers this is a queue, first come first served, and the queue is what the feed still holds.
"""

from __future__ import annotations

import mmap
import time
from typing import Any, Callable, Iterable, Iterator

from bigdata.measurement.tally import Taken

# From the start of the clock to the schedule's: by then all workers wait for their first operation.
LEAD_NS = 5_000_000

# A worker that sleeps notices this soon that nothing is handed out any more.
_SLICE_NS = 100_000_000

_SEED = 2014


class Schedule:
    """Instants of operations in nanoseconds, counted from a start that all processes of a run share."""

    def __init__(self, rate: float, offsets_ns: Iterable[int] | None = None) -> None:
        self.rate = rate
        """Operations per second; 'offsets_ns' are those of a Poisson process unless given."""
        self.offsets_ns = draw_poisson(rate) if offsets_ns is None else offsets_ns
        self.closed = False
        self._start = memoryview(mmap.mmap(-1, 8)).cast("q")

    def begin(self) -> None:
        """Fix the start; to be called before any worker is let go."""
        self._start[0] = time.monotonic_ns() + LEAD_NS

    @property
    def start_ns(self) -> int:
        """Return the start by ``time.monotonic_ns``."""
        return self._start[0]

    def new_turns(self, rows_of: Callable[[Any], int]) -> Turns:
        """Return the turns of one more worker."""
        return Turns(self, rows_of)

    def close(self) -> None:
        """Release workers that sleep."""
        self.closed = True

    def sleep_until(self, due_ns: int) -> bool:
        """Sleep until the instant; return False if the schedule was closed meanwhile."""
        while not self.closed:
            left_ns = due_ns - time.monotonic_ns()
            if left_ns <= 0:
                return True
            time.sleep(min(left_ns, _SLICE_NS) / 1e9)
        return False


class Turns:
    """The operations of one worker, with their instants; the open loop's ``Tally``.

    ``wait`` waits until an instant, and returns False if nothing is to be done any more. Where it is None the iterator
    ends instead, and leaves the operation in ``upcoming``.
    """

    def __init__(self, schedule: Schedule, rows_of: Callable[[Any], int]) -> None:
        self.schedule = schedule
        self.wait: Callable[[int], bool] | None = schedule.sleep_until
        self.upcoming: tuple[int, Any] | None = None
        self._rows_of = rows_of
        self._noted: list[tuple[int, int, int, Any]] = []

    def hand_out(self, records: Any, ready: Any, refill: Callable[[], bool]) -> Iterator[Any]:
        """Yield what is ready until ``refill`` gets no more, each when it is due; note its instants."""
        clock, note, start_ns = time.monotonic_ns, self._noted.append, self.schedule.start_ns
        free_ns = clock()
        while True:
            try:
                due_ns, record = self.upcoming or ready.popleft()
            except IndexError:
                if not refill():
                    return
                free_ns = clock()
                continue
            self.upcoming, instant_ns = None, start_ns + due_ns
            if instant_ns > free_ns:
                if self.wait is None:
                    self.upcoming = due_ns, record
                    return
                if not self.wait(instant_ns):
                    return
                free_ns = clock()
            records.current, began_ns = record, free_ns
            yield record
            free_ns = clock()
            note((instant_ns, began_ns, free_ns, record))

    def taken(self) -> Taken:
        """Return the worker's rows, service times and instants."""
        rows = sum(self._rows_of(record) for *_, record in self._noted)
        services_s = [(ended_ns - began_ns) / 1e9 for _, began_ns, ended_ns, _ in self._noted]
        return Taken(rows, services_s, {}, [instants for *instants, _ in self._noted])


def draw_poisson(rate: float) -> Iterator[int]:
    """Yield instants in nanoseconds at which so many operations per second come, the same ones for every loader."""
    import random
    from math import log

    # Python promises this sequence, not that of expovariate().
    draw = random.Random(_SEED).random  # noqa: S311
    at_s = 0.0
    while True:
        at_s -= log(1.0 - draw()) / rate
        yield int(at_s * 1e9)
