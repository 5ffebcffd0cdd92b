"""Distribution of records to workers, each exactly once: those read ahead, then those streamed.

Taking a record is one ``deque.popleft``, which needs no lock, as long as there are records at hand. Only a worker that
finds none asks for the reader's next batch.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Callable, Iterator

from bigdata.measurement.tally import NOTES, Taken, Tally
from bigdata.runtimes.hand_over import HandOver

if TYPE_CHECKING:
    from bigdata.runtimes.open_loop import Schedule, Turns

# Records of a phase that are read and parsed before its clock starts; at most 2 KiB each.
READ_AHEAD_RECORDS = 10_000
BATCH_RECORDS = 100


class Feed:
    """The records of one phase. ``rows_of`` returns the number of rows that a record becomes.

    ``tallied``: every worker notes what it takes and when. With a ``schedule`` each record has its instant before it.
    """

    def __init__(
        self,
        records: Iterator[Any],
        rows_of: Callable[[Any], int],
        *,
        tallied: bool = False,
        schedule: Schedule | None = None,
    ) -> None:
        self._records = records if schedule is None else zip(schedule.offsets_ns, records)
        self._rows_of = rows_of if schedule is None else lambda record: rows_of(record[1])
        self._rows_of_record = rows_of
        self.schedule = schedule
        self.ready: deque[Any] = deque()
        self.rows = 0
        self.read_ahead = 0
        self.streamed = 0
        self.may_stream = False
        """True if there may be more records than were read ahead."""
        self._tallied = tallied
        self._tallies: list[Tally | Turns] = []
        self._hand_over: HandOver[Any] = HandOver()
        self._refilling = threading.Lock()
        self._closed = False

    def fill(self, limit: int = READ_AHEAD_RECORDS, *, stream: bool = True) -> None:
        """Read up to ``limit`` records, and leave the rest to a thread. Raises the reader's errors.

        Without ``stream`` that thread has to be started later, by ``stream``.
        """
        self.ready.extend(self._read(limit))
        self.read_ahead = len(self.ready)
        self.may_stream = self.read_ahead == limit
        if not self.may_stream:
            self._hand_over.finish()
        elif stream:
            self.stream()

    def stream(self) -> None:
        """Start the thread that reads what ``fill`` left."""
        threading.Thread(target=self._stream, name="reader", daemon=True).start()

    def begin(self) -> None:
        """Begin the schedule, if there is one; the clock starts now."""
        if self.schedule is not None:
            self.schedule.begin()

    def close(self) -> None:
        """Hand out nothing more, and release workers and reader that wait for each other."""
        if self.schedule is not None:
            self.schedule.close()
        self._hand_over.close()
        with self._refilling:
            self._closed = True
            self.ready.clear()

    def refill(self) -> bool:
        """Wait for the reader's next batch, unless another worker just got it. Return False if there is none."""
        with self._refilling:
            if not self.ready and not self._closed:
                self.ready.extend(self._hand_over.get())
            return bool(self.ready)

    def some(self, rows: int) -> list[Any]:
        """Return records for so many rows, or those available; wait if there are none. Empty at the end."""
        records: list[Any] = []
        while rows > 0:
            try:
                record = self.ready.popleft()
            except IndexError:
                if records or not self.refill():
                    break
            else:
                records.append(record)
                rows -= self._rows_of(record)
        return records

    def new_tally(self) -> Tally | Turns | None:
        """Return a tally for one more worker; None if none is kept."""
        if not self._tallied:
            return None
        rows_of, schedule = self._rows_of_record, self.schedule
        tally = Tally(rows_of) if schedule is None else schedule.new_turns(rows_of)
        self._tallies.append(tally)
        return tally

    def taken(self) -> list[Taken]:
        """Return the results of the workers' tallies."""
        return [tally.taken() for tally in self._tallies]

    @property
    def would_wait(self) -> bool:
        """Return True if ``refill`` would have to wait for the reader."""
        return not self.ready and self._hand_over.would_wait

    def _read(self, limit: int) -> list[Any]:
        batch = list(islice(self._records, limit))
        self.rows += sum(map(self._rows_of, batch))
        return batch

    def _stream(self) -> None:
        error = None
        try:
            while True:
                batch = self._read(BATCH_RECORDS)
                self.streamed += len(batch)
                if not batch or not self._hand_over.put(batch):
                    break
        except BaseException as raised:
            error = raised
        self._hand_over.finish(error)


class Records:
    """The records of one thread. ``current`` is the record that it works on, so that an error can name it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._tally = feed.new_tally()
        self.current: Any = None

    def __iter__(self) -> Iterator[Any]:
        return hand_out(self, self._feed.ready, self._tally, self._refill)

    def _refill(self) -> bool:
        return self._feed.refill()


def hand_out(records: Any, ready: Any, tally: Tally | Turns | None, refill: Callable[[], bool] = bool) -> Iterator[Any]:
    """Return an iterator over what is ready, until ``refill`` gets no more: at once, or by the open loop.

    ``ready`` is a deque, or has its ``popleft``. Without ``refill`` there is no more: ``bool()`` is False.
    """
    if tally is None or isinstance(tally, Tally):
        return _hand_out_at_once(records, ready, tally, refill)
    return tally.hand_out(records, ready, refill)


def _hand_out_at_once(records: Any, ready: Any, tally: Tally | None, refill: Callable[[], bool]) -> Iterator[Any]:
    """Yield what is ready; set ``current`` of the records, and note it in the tally.

    Records have their time added in this loop rather than by a method of the tally, as calls are what costs here. For
    the same reason methods are looked up where they are called: the interpreter has a faster way for those.
    """
    if tally is None:
        while True:
            try:
                records.current = record = ready.popleft()
            except IndexError:
                if not refill():
                    return
            else:
                yield record
    clock, times_s, taken = tally.clock, tally.times_s, tally.records
    while True:
        for _ in range(len(times_s), NOTES):
            try:
                records.current = record = ready.popleft()
            except IndexError:
                tally.pause()
                if not refill():
                    return
                continue
            times_s.append(clock())
            taken.append(record)
            yield record
        tally.pause()
