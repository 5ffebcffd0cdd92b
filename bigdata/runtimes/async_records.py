"""Records for tasks on an event loop; a separate module, because threads should not import asyncio."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from bigdata.runtimes.feed import Feed, hand_out
from bigdata.runtimes.open_loop import Turns
from bigdata.runtimes.timer import Line


class AsyncRecords:
    """The records of one task, the twin of ``Records``. The event loop never waits for the reader.

    It hands out iterators over the records at hand, so that nothing is awaited per record. ``current`` is the record
    that the task works on, so that an error can name it.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._tally = feed.new_tally()
        self.current: Any = None

    def __aiter__(self) -> AsyncRecords:
        return self

    async def __anext__(self) -> Any:
        if not self._feed.ready and not await self._refill():
            raise StopAsyncIteration
        return hand_out(self, self._feed.ready, self._tally)

    async def _refill(self) -> bool:
        if self._feed.would_wait:
            return await asyncio.get_event_loop().run_in_executor(None, self._feed.refill)
        return self._feed.refill()


class AwaitedRecords(AsyncRecords):
    """The operations of one task in an open loop: those that are due are at hand, and the next one is awaited."""

    def __init__(self, feed: Feed, line: Line) -> None:
        super().__init__(feed)
        self._line = line

    async def __anext__(self) -> Any:
        turns = self._tally
        assert isinstance(turns, Turns)
        turns.wait, schedule = None, turns.schedule
        while turns.upcoming is None:
            if not self._feed.ready and not await self._refill():
                raise StopAsyncIteration
            # After a refill another task may have taken all.
            with suppress(IndexError):
                turns.upcoming = self._feed.ready.popleft()
        woken = asyncio.get_event_loop().create_future()
        self._line.join(schedule.start_ns + turns.upcoming[0], partial(_wake, woken))
        await woken
        if schedule.closed:
            raise StopAsyncIteration
        return hand_out(self, self._feed.ready, turns)


def _wake(woken: asyncio.Future[None]) -> None:
    # One that waits no more was cancelled.
    if not woken.done():
        woken.set_result(None)
