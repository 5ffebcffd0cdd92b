"""What else went on in the machine during a run, from the kernel's own counters (proc(5)); nulls where it has none."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from experiments.records import Host

ROOT = Path("/")


@dataclass(frozen=True)
class Reading:
    """The counters at one moment, all of them only growing.

    ``busy_s`` and ``steal_s`` are summed over all cores, ``own_s`` is this process with the children it waited for and
    the loader, where that is no child; None where that is not known.
    """

    busy_s: float | None
    steal_s: float | None
    own_s: float | None
    server_s: float


def read(server_s: float, root: Path = ROOT, *, elsewhere_s: float | None = 0.0) -> Reading:
    """Read the counters.

    ``server_s`` is the CPU time of the server, ``elsewhere_s`` that of a loader that is not among the children: neither
    is waited for by this process. None where that is not known: a loader that was killed does not tell it.
    """
    busy_s, steal_s = _read_cpu(root)
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    own_s = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Reading(busy_s, steal_s, None if elsewhere_s is None else own_s + elsewhere_s, server_s)


def describe(before: Reading, after: Reading, root: Path = ROOT) -> Host:
    """What happened between two readings."""
    if before.busy_s is None or after.busy_s is None or before.steal_s is None or after.steal_s is None:
        return Host()
    foreign_s = None
    if before.own_s is not None and after.own_s is not None:
        ours_s = (after.own_s - before.own_s) + (after.server_s - before.server_s)
        # The kernel counts busy time in ticks of 10 ms: a difference below zero is none.
        foreign_s = round(max(0.0, after.busy_s - before.busy_s - ours_s), 3)
    load = float((root / "proc/loadavg").read_text().split()[0])
    return Host(round(after.steal_s - before.steal_s, 3), load, foreign_s)


def _read_cpu(root: Path) -> tuple[float | None, float | None]:
    try:
        first = (root / "proc/stat").read_text().split("\n", 1)[0]
    except OSError:
        return None, None
    # cpu user nice system idle iowait irq softirq steal ...
    user, nice, system, _, _, interrupts, soft_interrupts, steal = map(int, first.split()[1:9])
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + interrupts + soft_interrupts) / ticks_per_s, steal / ticks_per_s
