"""Load of the machine during a run, from the kernel's counters (proc(5)); nulls where it has none."""

import os
import resource
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.records.record import Host

ROOT = Path("/")


@dataclass(frozen=True)
class CpuTime:
    """Seconds of some cores since the machine's start: busy, and kept by the hypervisor."""

    busy_s: float
    steal_s: float

    def since(self, before: "CpuTime") -> "CpuTime":
        """Return the growth since an earlier reading."""
        return CpuTime(self.busy_s - before.busy_s, self.steal_s - before.steal_s)


@dataclass(frozen=True)
class Reading:
    """Growing counters: of all cores (None if unknown), of each by number, of this process and its awaited children."""

    at_s: float
    own_s: float
    machine: CpuTime | None
    cores: Mapping[int, CpuTime]


class HostMonitor:
    """Reads the counters on entering and leaving, close around the loader's life; ``cpus`` are the cores of the run."""

    def __init__(self, cpus: Collection[int] = (), root: Path = ROOT) -> None:
        self._cpus = cpus
        self._root = root
        self._readings: list[Reading] = []

    def __enter__(self) -> "HostMonitor":
        self._readings = [read(self._root)]
        return self

    def __exit__(self, *exception: object) -> None:
        self._readings.append(read(self._root))

    def result(self, ours_s: float | None) -> Host:
        """Return the load in between; ``ours_s`` as in ``describe``. Nulls if it was never entered."""
        if len(self._readings) < 2:
            return Host()
        before, after = self._readings
        return describe(before, after, self._root, cpus=self._cpus, ours_s=ours_s)


def read(root: Path = ROOT) -> Reading:
    """Read the counters."""
    machine, cores = _read_cpu(root)
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return Reading(time.monotonic(), sum(usage.ru_utime + usage.ru_stime for usage in usages), machine, cores)


def describe(
    before: Reading, after: Reading, root: Path = ROOT, *, cpus: Collection[int] = (), ours_s: float | None
) -> Host:
    """Return the load between two readings, in all and on the cores ``cpus``.

    ``ours_s`` is the CPU time of what belongs to the run and is no child of this process: the server, and a loader in a
    container. None where that is not known: a loader that was killed does not tell it.
    """
    if before.machine is None or after.machine is None:
        return Host()
    whole, run = after.machine.since(before.machine), _of_cores(before, after, cpus)
    # The harness may have run on other cores; what it uses meanwhile is next to nothing.
    ours_s = None if ours_s is None else ours_s + after.own_s - before.own_s
    return Host(
        steal_s=round(whole.steal_s, 3),
        load_1m=float((root / "proc/loadavg").read_text().split()[0]),
        foreign_cpu_s=_foreign_s(whole, ours_s),
        observed_s=round(after.at_s - before.at_s, 3),
        cores=len(after.cores) or None,
        run_steal_s=None if run is None else round(run.steal_s, 3),
        run_foreign_cpu_s=_foreign_s(run, ours_s),
    )


def _of_cores(before: Reading, after: Reading, cpus: Collection[int]) -> CpuTime | None:
    """Return the growth on these cores; None where there are none, or the system has no counters for each."""
    if not cpus or not before.cores.keys() >= set(cpus) <= after.cores.keys():
        return None
    each = [after.cores[cpu].since(before.cores[cpu]) for cpu in cpus]
    return CpuTime(sum(one.busy_s for one in each), sum(one.steal_s for one in each))


def _foreign_s(used: CpuTime | None, ours_s: float | None) -> float | None:
    # The kernel counts busy time in ticks of 10 ms: a difference below zero is none.
    return None if used is None or ours_s is None else round(max(0.0, used.busy_s - ours_s), 3)


def _read_cpu(root: Path) -> tuple[CpuTime | None, dict[int, CpuTime]]:
    try:
        lines = (root / "proc/stat").read_text().splitlines()
    except OSError:
        return None, {}
    # 'cpu' with the sum, then 'cpu0' and so on.
    named = {line.split()[0]: _cpu_time(line) for line in lines if line.startswith("cpu")}
    machine = named.pop("cpu")
    return machine, {int(name.removeprefix("cpu")): used for name, used in named.items()}


def _cpu_time(line: str) -> CpuTime:
    # cpu user nice system idle iowait irq softirq steal ...
    user, nice, system, _, _, interrupts, soft_interrupts, steal = map(int, line.split()[1:9])
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return CpuTime((user + nice + system + interrupts + soft_interrupts) / ticks_per_s, steal / ticks_per_s)
