"""Event loop lag for --loop-lag, never used in a measured run.

A callback that is late by a millisecond is what a message from the server would have waited, too, for the loop to get
round to it.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator

INTERVAL_S = 0.01


class LoopLag:
    """Lags of an event loop: time of each request and delay of its callback, 100 a second."""

    def __init__(self) -> None:
        self._noted: list[tuple[float, float]] = []

    @contextmanager
    def watch(self, loop: Any) -> Iterator[None]:
        """Request a callback every 10 ms, from a thread of its own, until the context is left."""
        over = threading.Event()
        asking = threading.Thread(target=self._ask, args=(loop, over), name="loop lag", daemon=True)
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join()

    def _ask(self, loop: Any, over: threading.Event) -> None:
        while not over.wait(INTERVAL_S):
            asked_s = time.monotonic()
            try:
                loop.call_soon_threadsafe(self._note, asked_s)
            except RuntimeError:
                # The loop has been closed.
                return

    def _note(self, asked_s: float) -> None:
        self._noted.append((asked_s, time.monotonic() - asked_s))

    def percentiles(self, started_s: float, ended_s: float) -> dict[str, float] | None:
        """Return 'p50', 'p95', 'max' (seconds) and 'count' of the lags in that time (CLOCK_MONOTONIC), or None."""
        lags = sorted(lag for asked, lag in self._noted if started_s <= asked <= ended_s)
        if not lags:
            return None
        last = len(lags) - 1
        return {"p50": lags[last // 2], "p95": lags[round(last * 0.95)], "max": lags[-1], "count": len(lags)}
