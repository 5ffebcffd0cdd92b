"""Records for tasks on an event loop; a separate module, because threads should not import asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

from bigdata.runtimes.feed import Feed


class AsyncRecords:
    """The records of one task, the twin of ``Records``. The event loop never waits for the reader."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._take = feed.ready.popleft
        self._tally = feed.new_tally()
        self.current: Any = None

    def __aiter__(self) -> AsyncRecords:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                self.current = self._take()
            except IndexError:
                if self._tally is not None:
                    self._tally.pause()
                if not await self._refill():
                    raise StopAsyncIteration from None
            else:
                if self._tally is not None:
                    self._tally.take(self.current)
                return self.current

    async def _refill(self) -> bool:
        if self._feed.would_wait:
            return await asyncio.get_event_loop().run_in_executor(None, self._feed.refill)
        return self._feed.refill()
