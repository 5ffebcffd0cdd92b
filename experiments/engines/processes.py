"""Processes of this machine in Linux's /proc: identity, children, CPU time, cores."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# More than a hundred backends that end one by one take; a bound where somebody never stops connecting.
_READINGS = 500


@dataclass(frozen=True)
class ProcessIdentity:
    """A process identified for good, as its number is reused: ``started`` is the boot and the clock tick after it."""

    pid: int
    started: str


@dataclass(frozen=True)
class _Stat:
    """The fields of ``/proc/PID/stat`` in use here (proc_pid_stat(5)), times in clock ticks."""

    state: str
    parent: int
    reaped_ticks: int
    started_ticks: int


def identity(pid: int) -> ProcessIdentity | None:
    """Return the process with this id; None if there is none or only a zombie."""
    stat = _read_stat(pid)
    if stat is None or stat.state in "ZX":
        return None
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ProcessIdentity(pid, f"{boot}/{stat.started_ticks}")


def is_alive(process: ProcessIdentity) -> bool:
    """Return whether this very process still runs."""
    return identity(process.pid) == process


def with_arguments(*wanted: str) -> list[ProcessIdentity]:
    """Find running processes with one of these among their arguments."""
    found = (identity(pid) for pid in _pids() if not set(wanted).isdisjoint(arguments(pid)))
    return [process for process in found if process is not None]


def at_home_in(folder: Path, word: str) -> list[ProcessIdentity]:
    """Find running processes with this working directory and ``word`` in their first argument."""
    home = str(folder.resolve())
    there = (pid for pid in _pids() if _working_directory(pid) == home)
    found = (identity(pid) for pid in there if word in "".join(arguments(pid)[:1]))
    return [process for process in found if process is not None]


def tree(pid: int) -> list[int]:
    """Return the process and its running descendants, parents before children."""
    children: dict[int, list[int]] = {}
    for member in _pids():
        stat = _read_stat(member)
        if stat is not None:
            children.setdefault(stat.parent, []).append(member)
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of the process, its children, and those that ended and were waited for.

    What a process has used passes to its parent when it ends, as backends do just when a run is over. One that is
    listed, and has gone before its clock is read, may be missing from what its parent has been left: then all are read
    again. What runs below the children is missing until it has ended: PostgreSQL's processes are the postmaster and its
    children. This is read in the midst of runs, so it is to be quick.
    """
    for _ in range(_READINGS):
        # In this order: one that ends later than its clock is read is not in what was left.
        members = children(pid)
        stat = _read_stat(pid)
        clocks_s = [_cpu_clock_s(member) for member in (pid, *members)]
        if stat is None or None not in clocks_s:
            break
    left_s = stat.reaped_ticks / os.sysconf("SC_CLK_TCK") if stat else 0.0
    return left_s + sum(clock_s or 0.0 for clock_s in clocks_s)


def children(pid: int) -> list[int]:
    """Return the children of a single-threaded process."""
    try:
        with open(f"{_PROC}/{pid}/task/{pid}/children", "rb") as file:  # noqa: PTH123 - twice as fast
            return [int(child) for child in file.read().split()]
    except OSError:
        # A kernel without this file (CONFIG_PROC_CHILDREN), or nobody has this number.
        stats = ((member, _read_stat(member)) for member in _pids())
        return [member for member, stat in stats if stat is not None and stat.parent == pid]


def confine(pid: int, cpus: frozenset[int]) -> None:
    """Confine the process and all descendants; the parent first, so that it starts no unconfined one any more."""
    _confine_threads(pid, cpus)
    for member in tree(pid)[1:]:
        _confine_threads(member, cpus)


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]


def arguments(pid: int) -> list[str]:
    """Return the command line or title of a process; none if there is none with this id."""
    try:
        text = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in text.split(b"\0")]


def _working_directory(pid: int) -> str | None:
    try:
        return str((_PROC / str(pid) / "cwd").readlink())
    except OSError:
        return None


def _confine_threads(pid: int, cpus: frozenset[int]) -> None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            os.sched_setaffinity(int(thread.name), cpus)


def _cpu_clock_s(pid: int) -> float | None:
    """Read a process's CPU seconds to the nanosecond, None without it; ``/proc/PID/stat`` cuts off to 10 ms."""
    # As clock_getcpuclockid(3) makes it, which the standard library has for threads only.
    clock = (~pid << 3) | 2
    try:
        return time.clock_gettime(clock)
    except OSError:
        return None


def _read_stat(pid: int) -> _Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name, field 2, stands in parentheses and may hold any character; the fields after it are numbered from 3.
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(
        state=fields[0],
        parent=int(fields[1]),
        reaped_ticks=int(fields[13]) + int(fields[14]),
        started_ticks=int(fields[19]),
    )
