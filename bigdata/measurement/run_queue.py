"""Run-queue wait: the time that threads were runnable but waited for a core, by the kernel's account.

It is the second number of ``/proc/PID/task/TID/schedstat``, in nanoseconds (the kernel's sched-stats.rst).
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Mapping

Waits = Mapping[int, float]
"""Seconds by thread ID."""


def read_waits(process: int | str = "self") -> Waits:
    """Return the waits so far of all threads that a process has now; none where the kernel keeps no account."""
    try:
        return _read_all(Path(f"/proc/{process}/task").iterdir())
    except OSError:
        return {}


def read_own_wait() -> Waits:
    """Return the wait so far of the calling thread, which is about to end."""
    return _read_all([Path("/proc/thread-self").resolve()])


def growth(before: Waits, after: Waits) -> float | None:
    """Return the sum over the threads that were there after; a new one began at 0. None where nothing is known."""
    return sum(wait_s - before.get(thread, 0.0) for thread, wait_s in after.items()) if after else None


def _read_all(tasks: Iterable[Path]) -> Waits:
    waits = {}
    for task in tasks:
        try:
            account = [int(word) for word in (task / "schedstat").read_text().split()]
        except (OSError, ValueError):
            # It has just ended.
            continue
        # All are 0 where the kernel keeps no account.
        if any(account):
            waits[int(task.name)] = account[1] / 1e9
    return waits
