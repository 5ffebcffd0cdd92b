"""What else went on in the machine during a run, from the kernel's own counters (proc(5)); nulls where it has none."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from experiments.records import Host

ROOT = Path("/")


@dataclass(frozen=True)
class Reading:
    """The counters at one moment, all of them only growing.

    ``busy_s`` and ``steal_s`` are summed over all cores, None where the system does not tell; ``own_s`` is this process
    with the children it waited for.
    """

    at_s: float
    busy_s: float | None
    steal_s: float | None
    own_s: float


class Watch:
    """Reads the counters on entering and on leaving: around the loader's life, and as close to it as its host can.

    What starts a container is no part of the run, and would count as foreign.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._readings: list[Reading] = []

    def __enter__(self) -> Watch:
        self._readings = [read(self._root)]
        return self

    def __exit__(self, *exception: object) -> None:
        self._readings.append(read(self._root))

    def host(self, ours_s: float | None) -> Host:
        """What happened meanwhile; ``ours_s`` as in ``describe``. Nulls where nothing was watched."""
        if len(self._readings) < 2:
            return Host()
        before, after = self._readings
        return describe(before, after, self._root, ours_s=ours_s)


def read(root: Path = ROOT) -> Reading:
    """Read the counters."""
    busy_s, steal_s = _read_cpu(root)
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return Reading(time.monotonic(), busy_s, steal_s, sum(usage.ru_utime + usage.ru_stime for usage in usages))


def describe(before: Reading, after: Reading, root: Path = ROOT, *, ours_s: float | None) -> Host:
    """What happened between two readings.

    ``ours_s`` is the CPU time of what belongs to the run and is no child of this process: the server, and a loader in a
    container. None where that is not known: a loader that was killed does not tell it.
    """
    if before.busy_s is None or after.busy_s is None or before.steal_s is None or after.steal_s is None:
        return Host()
    foreign_s = None
    if ours_s is not None:
        # The kernel counts busy time in ticks of 10 ms: a difference below zero is none.
        foreign_s = round(max(0.0, after.busy_s - before.busy_s - (after.own_s - before.own_s) - ours_s), 3)
    load = float((root / "proc/loadavg").read_text().split()[0])
    observed_s = round(after.at_s - before.at_s, 3)
    return Host(round(after.steal_s - before.steal_s, 3), load, foreign_s, observed_s)


def _read_cpu(root: Path) -> tuple[float | None, float | None]:
    try:
        first = (root / "proc/stat").read_text().split("\n", 1)[0]
    except OSError:
        return None, None
    # cpu user nice system idle iowait irq softirq steal ...
    user, nice, system, _, _, interrupts, soft_interrupts, steal = map(int, first.split()[1:9])
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + interrupts + soft_interrupts) / ticks_per_s, steal / ticks_per_s
