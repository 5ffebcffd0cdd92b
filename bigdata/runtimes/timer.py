"""Waking at an instant to the microsecond, where select and epoll wait in whole milliseconds (Linux).

A timer is a file (timerfd_create(2)), which an event loop watches like a connection.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections import deque
from contextlib import suppress
from typing import Any, Callable

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_SET_TIMERSLACK = 29
_NS_PER_S = 1_000_000_000


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def sharpen_sleep() -> None:
    """Let this thread, and threads and processes that it starts, sleep to the nanosecond, not to 50 us (prctl(2))."""
    _libc().prctl(_SET_TIMERSLACK, ctypes.c_ulong(1), 0, 0, 0)


class Line:
    """Those who wait on one event loop, each for an instant that is not before that of the one in front."""

    def __init__(self) -> None:
        libc = _libc()
        self.timer: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.timer < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._set = libc.timerfd_settime
        # Interval and instant (struct itimerspec), each in seconds and nanoseconds.
        self._times = (ctypes.c_long * 4)()
        self._waiting: deque[tuple[int, Callable[[], Any]]] = deque()

    def join(self, due_ns: int, wake: Callable[[], Any]) -> None:
        """Call ``wake`` at the instant, by ``time.monotonic_ns``."""
        self._waiting.append((due_ns, wake))
        if len(self._waiting) == 1:
            self._ring_at(due_ns)

    def ring(self) -> None:
        """Wake those whose instant has come; to be called when ``timer`` can be read."""
        with suppress(BlockingIOError):
            os.read(self.timer, 8)
        now_ns = time.monotonic_ns()
        while self._waiting and self._waiting[0][0] <= now_ns:
            self._waiting.popleft()[1]()
        if self._waiting:
            self._ring_at(self._waiting[0][0])

    def close(self) -> None:
        """Close the timer."""
        os.close(self.timer)

    def _ring_at(self, due_ns: int) -> None:
        self._times[2], self._times[3] = divmod(due_ns, _NS_PER_S)
        self._set(self.timer, _ABSOLUTE, self._times, None)
