"""Bounded queue of record batches from the reader's thread to the workers."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Record = TypeVar("Record")

# The reader is at most this far ahead of the workers.
BATCHES_WAITING = 4


class HandOver(Generic[Record]):
    """A queue that the reader finishes or fails, and that anyone can close; after that nobody waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._batches: deque[list[Record]] = deque()
        self._no_more = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, batch: list[Record]) -> bool:
        """Wait for room, then add the batch. Return False if the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._batches) < BATCHES_WAITING)
            if not self._closed:
                self._batches.append(batch)
                self._changed.notify_all()
            return not self._closed

    def finish(self, error: BaseException | None = None) -> None:
        """Mark the end of the batches, or the ``error`` that ended the reader."""
        with self._changed:
            self._no_more = True
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Drop all batches and release all threads that wait."""
        with self._changed:
            self._closed = True
            self._batches.clear()
            self._changed.notify_all()

    @property
    def would_wait(self) -> bool:
        """Return True if ``get`` would have to wait for the reader."""
        with self._changed:
            return not (self._batches or self._no_more or self._closed)

    def get(self) -> list[Record]:
        """Wait for the next batch and return it; empty at the end or once closed. Raises the reader's error."""
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self._no_more or self._closed)
            if self._batches:
                batch = self._batches.popleft()
                self._changed.notify_all()
                return batch
            if self._error is not None and not self._closed:
                raise self._error
            return []
