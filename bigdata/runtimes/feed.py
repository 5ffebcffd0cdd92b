"""Hands records out to workers, each exactly once: those read before the clock started, then those streamed since.

Taking a record is one ``deque.popleft``, which needs no lock, as long as there are records at hand. Only a worker that
finds none asks for the reader's next batch.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import Any, Callable, Iterator

from bigdata.measurement.tally import Taken, Tally
from bigdata.runtimes.hand_over import HandOver

# Records of a phase that are read and parsed before its clock starts; at most 2 KiB each.
READ_AHEAD_RECORDS = 10_000
BATCH_RECORDS = 100


class Feed:
    """The records of one phase. ``rows_of`` says how many rows a record will become.

    ``tallied``: every worker notes what it takes and when.
    """

    def __init__(self, records: Iterator[Any], rows_of: Callable[[Any], int], *, tallied: bool = False) -> None:
        self._records = records
        self._rows_of = rows_of
        self.ready: deque[Any] = deque()
        self.rows = 0
        self.read_ahead = 0
        self.streamed = 0
        self.may_stream = False
        """Whether there may be more records than were read ahead."""
        self._tallied = tallied
        self._tallies: list[Tally] = []
        self._hand_over: HandOver[Any] = HandOver()
        self._refilling = threading.Lock()
        self._closed = False

    def fill(self, limit: int = READ_AHEAD_RECORDS, *, stream: bool = True) -> None:
        """Read up to ``limit`` records, and leave the rest to a thread. Raises what the reader raises.

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

    def close(self) -> None:
        """Hand out nothing more, and let workers and reader go that wait for each other."""
        self._hand_over.close()
        with self._refilling:
            self._closed = True
            self.ready.clear()

    def refill(self) -> bool:
        """Get the reader's next batch unless another worker just did; wait for it. False: there are no more."""
        with self._refilling:
            if not self.ready and not self._closed:
                self.ready.extend(self._hand_over.get())
            return bool(self.ready)

    def some(self, rows: int) -> list[Any]:
        """Records for so many rows, or the few that are at hand; waits where there are none. Empty: no more."""
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

    def new_tally(self) -> Tally | None:
        """For one more worker; None where nothing is noted."""
        if not self._tallied:
            return None
        tally = Tally(self._rows_of)
        self._tallies.append(tally)
        return tally

    def taken(self) -> list[Taken]:
        """What each of the workers noted."""
        return [tally.taken() for tally in self._tallies]

    @property
    def would_wait(self) -> bool:
        """Whether ``refill`` would have to wait for the reader."""
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
    """What one thread iterates over. ``current`` is the record that it works on, so that an error can name it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._take = feed.ready.popleft
        self._tally = feed.new_tally()
        self.current: Any = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                self.current = self._take()
            except IndexError:
                if self._tally is not None:
                    self._tally.pause()
                if not self._refill():
                    raise StopIteration from None
            else:
                if self._tally is not None:
                    self._tally.take(self.current)
                return self.current

    def _refill(self) -> bool:
        return self._feed.refill()
