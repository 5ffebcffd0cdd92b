"""CPU throttling of this process by its control group.

A control group with a CPU limit may use so much CPU time in each period (100 ms); when that is used up it is throttled
until the next period. The group counts this in its file ``cpu.stat``: in version 1
(Documentation/scheduler/sched-bwc.rst) as ``nr_periods``, ``nr_throttled`` and ``throttled_time`` in nanoseconds, in
version 2 (Documentation/admin-guide/cgroup-v2.rst) with ``throttled_usec`` in microseconds instead. The limit is in
``cpu.cfs_quota_us`` and ``cpu.cfs_period_us``, in version 2 in ``cpu.max``. Where a process's groups are mounted says
``/proc/self/mountinfo``, which of them it is in ``/proc/self/cgroup`` (cgroups(7)).
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Iterator, NamedTuple

_TIMES_PER_S = {"throttled_time": 1e9, "throttled_usec": 1e6}


class Throttling(NamedTuple):
    """Counts since the group was created: elapsed periods, throttled periods, and the throttled time.

    ``quota`` is the group's limit, CPU time per time in cores; None where it cannot be read.
    """

    periods: int
    throttled_periods: int
    throttled_s: float
    quota: float | None = None


def read_throttling(root: Path = Path("/")) -> Throttling | None:
    """Read the counts of the tightest limit, of this process's group or one around it; return None if there is none."""
    try:
        groups = (root / "proc/self/cgroup").read_text()
        mounts = [_Mount.of(line) for line in (root / "proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return None
    for mount, group in _candidates(groups, mounts):
        limits = list(_limits(root / mount.place, mount.below(group)))
        if limits:
            return min(limits, key=lambda limit: limit.quota or float("inf"))
    return None


class _Mount(NamedTuple):
    """A line of ``mountinfo``: ``mounted`` of a file system is visible at ``place`` (without a leading slash)."""

    mounted: PurePosixPath
    place: PurePosixPath
    kind: str
    options: list[str]

    @classmethod
    def of(cls, line: str) -> _Mount:
        before, _, after = line.partition(" - ")
        fields, file_system = before.split(), after.split()
        options = file_system[-1].split(",")
        return cls(PurePosixPath(fields[3]), PurePosixPath(fields[4].lstrip("/")), file_system[0], options)

    def shows(self, group: PurePosixPath) -> bool:
        return self.mounted == group or self.mounted in group.parents

    def below(self, group: PurePosixPath) -> PurePosixPath:
        """Return the group's folder relative to the mount's place.

        A container may be shown its own group at the mount's place, and the path of it as the host sees that.
        """
        return group.relative_to(self.mounted) if self.shows(group) else PurePosixPath()


def _candidates(groups: str, mounts: list[_Mount]) -> Iterator[tuple[_Mount, PurePosixPath]]:
    """Yield possible places of this process's group: controller ``cpu`` of version 1, and version 2."""
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        group = PurePosixPath(path)
        if "cpu" in controllers.split(","):
            fitting = [mount for mount in mounts if mount.kind == "cgroup" and "cpu" in mount.options]
        elif not controllers:
            fitting = [mount for mount in mounts if mount.kind == "cgroup2"]
        else:
            continue
        # A mount that shows another group, of some container say, is this process's only where no mount shows its own.
        for mount in [mount for mount in fitting if mount.shows(group)] or fitting:
            yield mount, group


def _limits(place: Path, folder: PurePosixPath) -> Iterator[Throttling]:
    """Yield the counts of the group and of those around it, as far as they have a limit."""
    for candidate in (folder, *folder.parents):
        try:
            found = _parse((place / candidate / "cpu.stat").read_text())
        except OSError:
            continue
        if found is not None:
            yield found._replace(quota=_read_quota(place / candidate))


def _read_quota(group: Path) -> float | None:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota_us, period_us = " ".join((group / name).read_text() for name in names).split()
        except (OSError, ValueError):
            continue
        # What is not limited any more says "max" or -1.
        return int(quota_us) / int(period_us) if quota_us.isdigit() else None
    return None


def _parse(text: str) -> Throttling | None:
    values = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    # A group without a limit counts its periods, too: always 0 of them.
    if int(values.get("nr_periods", 0)) == 0:
        return None
    throttled_s = sum(int(values[name]) / per_s for name, per_s in _TIMES_PER_S.items() if name in values)
    return Throttling(int(values["nr_periods"]), int(values.get("nr_throttled", 0)), throttled_s)
