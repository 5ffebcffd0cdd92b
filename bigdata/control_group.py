"""How often the kernel made this process wait because its control group had used up its CPU time.

A control group with a CPU limit may use so much CPU time in each period (100 ms); when that is used up it is throttled
until the next period. The group counts this in its file ``cpu.stat``: in version 1
(Documentation/scheduler/sched-bwc.rst) as ``nr_periods``, ``nr_throttled`` and ``throttled_time`` in nanoseconds, in
version 2 (Documentation/admin-guide/cgroup-v2.rst) with ``throttled_usec`` in microseconds instead. Where a process's
groups are mounted says ``/proc/self/mountinfo``, which of them it is in ``/proc/self/cgroup`` (cgroups(7)).
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Iterator, NamedTuple

_TIMES_PER_S = {"throttled_time": 1e9, "throttled_usec": 1e6}


class Throttling(NamedTuple):
    """Counts since the group was made: periods that ended, those in which it was throttled, for how long in all."""

    periods: int
    throttled_periods: int
    throttled_s: float


def read_throttling(root: Path = Path("/")) -> Throttling | None:
    """Of the group of this process; None where there is none, or it has no limit."""
    for folder in _folders(root):
        try:
            text = (folder / "cpu.stat").read_text()
        except OSError:
            continue
        found = _parse(text)
        if found is not None:
            return found
    return None


def _parse(text: str) -> Throttling | None:
    values = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    # Version 1 counts periods for a group without a limit too, and always 0 of them.
    if int(values.get("nr_periods", 0)) == 0:
        return None
    throttled_s = sum(int(values[name]) / per_s for name, per_s in _TIMES_PER_S.items() if name in values)
    return Throttling(int(values["nr_periods"]), int(values.get("nr_throttled", 0)), throttled_s)


def _folders(root: Path) -> Iterator[Path]:
    """Where the files of this process's group are, first by the controller ``cpu`` of version 1, then by version 2."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        kind, option = ("cgroup", "cpu") if controllers else ("cgroup2", None)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for mount in mounts:
            folder = _inside(mount, kind, option, PurePosixPath(path))
            if folder is not None:
                yield root / folder


def _inside(mount: str, kind: str, option: str | None, group: PurePosixPath) -> PurePosixPath | None:
    """The folder of a group below a mount, without the slash in front; None where the mount is of something else."""
    before, _, after = mount.partition(" - ")
    fields, file_system = before.split(), after.split()
    if file_system[0] != kind or (option is not None and option not in file_system[-1].split(",")):
        return None
    mounted_root, place = PurePosixPath(fields[3]), PurePosixPath(fields[4].lstrip("/"))
    try:
        return place / group.relative_to(mounted_root)
    except ValueError:
        # A container may be shown its group at the place of the mount, and the path of it as the host sees that.
        return place
