"""Records for tasks on an event loop; a separate module, because threads should not import asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

from bigdata.runtimes.feed import Feed, hand_out


class AsyncRecords:
    """The records of one task, the twin of ``Records``. The event loop never waits for the reader.

    It hands out iterators over the records at hand, so that nothing is awaited per record. ``current`` is the record
    that the task works on, so that an error can name it.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._take = feed.ready.popleft
        self._tally = feed.new_tally()
        self.current: Any = None

    def __aiter__(self) -> AsyncRecords:
        return self

    async def __anext__(self) -> Any:
        if not self._feed.ready and not await self._refill():
            raise StopAsyncIteration
        return hand_out(self, self._take, self._tally)

    async def _refill(self) -> bool:
        if self._feed.would_wait:
            return await asyncio.get_event_loop().run_in_executor(None, self._feed.refill)
        return self._feed.refill()
