"""Run-queue wait: the time that threads were runnable but waited for a core, by the kernel's account.

It is the second number of ``/proc/PID/task/TID/schedstat``, in nanoseconds (the kernel's sched-stats.rst).
"""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

Waits = Mapping[int, float]
"""Seconds by thread ID."""


def read_waits(process: int | str = "self") -> Waits:
    """Return the waits so far of all threads that a process has now; none where the kernel keeps no account."""
    try:
        return {int(task.name): _read(task) for task in Path(f"/proc/{process}/task").iterdir()}
    except (OSError, ValueError, IndexError):
        return {}


def read_own_wait() -> Waits:
    """Return the wait so far of the calling thread, which is about to end."""
    try:
        task = Path("/proc/thread-self").resolve()
        return {int(task.name): _read(task)}
    except (OSError, ValueError, IndexError):
        return {}


def growth(before: Waits, after: Waits) -> float | None:
    """Return the sum over the threads that were there after; a new one began at 0. None where nothing is known."""
    return sum(wait_s - before.get(thread, 0.0) for thread, wait_s in after.items()) if after else None


def _read(task: Path) -> float:
    return int((task / "schedstat").read_text().split()[1]) / 1e9
