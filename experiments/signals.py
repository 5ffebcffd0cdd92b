"""Signals that end a process of the harness, in order, and with its parent."""

from __future__ import annotations

# Only what is small: no signal may come before the handlers are there.
import os
import signal
import sys
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
"""The exit code."""

_PR_SET_PDEATHSIG = 1


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on the first signal to stop; ignore further ones, which would disturb the clean-up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for stop in STOP_SIGNALS:
            signal.signal(stop, signal.SIG_IGN)
        raise KeyboardInterrupt

    for stop in STOP_SIGNALS:
        # nohup ignores SIGHUP.
        if stop != signal.SIGHUP or signal.getsignal(stop) != signal.SIG_IGN:
            signal.signal(stop, interrupt)


def stop_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent ends, however it does (prctl(2), Linux); exit if it has ended."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(INTERRUPTED)
