"""Records for tasks on an event loop; a separate module, because threads should not import asyncio."""

from __future__ import annotations

import asyncio
from typing import Any, Iterator

from bigdata.runtimes.feed import Feed, hand_out


class AsyncRecords:
    """The records of one task, the twin of ``Records``. The event loop never waits for the reader."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._tally = feed.new_tally()
        self._at_hand = self._hand_out()
        self.current: Any = None

    def __aiter__(self) -> AsyncRecords:
        return self

    async def __anext__(self) -> Any:
        while True:
            for record in self._at_hand:
                return record
            if not await self._refill():
                raise StopAsyncIteration
            self._at_hand = self._hand_out()

    def _hand_out(self) -> Iterator[Any]:
        return hand_out(self, self._feed.ready.popleft, self._tally)

    async def _refill(self) -> bool:
        if self._feed.would_wait:
            return await asyncio.get_event_loop().run_in_executor(None, self._feed.refill)
        return self._feed.refill()
