"""Records read before the fork and distributed to all processes, each exactly once."""

from __future__ import annotations

import mmap
from collections import deque
from multiprocessing import get_context
from typing import Any, Callable, Iterator

from bigdata.measurement.tally import Taken
from bigdata.runtimes.feed import Feed, hand_out


class Share:
    """The records read ahead of one phase. Children inherit them by the fork and share a counter of those taken."""

    def __init__(self, feed: Feed) -> None:
        self.records = list(feed.ready)
        # The feed keeps what it will read from now on, and hands that out in the parent.
        feed.ready.clear()
        self.may_stream = feed.may_stream
        self.new_tally = feed.new_tally
        self.schedule = feed.schedule
        self._next = memoryview(mmap.mmap(-1, 8)).cast("q")
        self._lock = get_context("fork").Lock()

    def take(self) -> int:
        """Return the index of a record that nobody has taken yet, or one beyond the last."""
        with self._lock:
            number = self._next[0]
            self._next[0] = number + 1
        return number


class SharedRecords:
    """The records of one process, the twin of ``Records``. ``ask`` gets more from the parent; none at the end."""

    def __init__(self, share: Share, ask: Callable[[], list[Any]]) -> None:
        self._records = share.records
        self._length = len(share.records)
        self._take_number = share.take
        self._schedule = share.schedule
        self._ask = ask
        self._may_ask = share.may_stream
        self._asked_for: deque[Any] = deque()
        self._tally = share.new_tally()
        self.current: Any = None

    def __iter__(self) -> Iterator[Any]:
        return hand_out(self, self, self._tally, self._refill)

    def popleft(self) -> Any:
        """Return a record that no process has taken yet, or that was asked for. Raises IndexError without one."""
        number = self._take_number()
        return self._records[number] if number < self._length else self._asked_for.popleft()

    def taken(self) -> Taken | None:
        """Return the tally of this process; None if none is kept."""
        return None if self._tally is None else self._tally.taken()

    def close(self) -> None:
        """Hand out nothing more."""
        if self._schedule is not None:
            self._schedule.close()
        self._length = 0
        self._may_ask = False
        self._asked_for.clear()

    def _refill(self) -> bool:
        if self._may_ask:
            self._asked_for.extend(self._ask())
        return bool(self._asked_for)
