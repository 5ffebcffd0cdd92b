"""Wall clock, CPU time and peak memory of a phase."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, NamedTuple

from bigdata.measurement.control_group import Throttling, read_throttling
from bigdata.measurement.run_queue import Waits, growth, read_own_wait, read_waits


class Usage(NamedTuple):
    """CPU time and context switches of this process and its ended children; running children report their own.

    ``run_queue_s`` is the sum of what its threads waited for a core; None where the kernel keeps no account.
    """

    user_s: float
    system_s: float
    voluntary_switches: int
    involuntary_switches: int
    run_queue_s: float | None = None

    def since(self, before: Usage) -> Usage:
        """Return the growth since an earlier reading."""
        return Usage(
            user_s=self.user_s - before.user_s,
            system_s=self.system_s - before.system_s,
            voluntary_switches=self.voluntary_switches - before.voluntary_switches,
            involuntary_switches=self.involuntary_switches - before.involuntary_switches,
        )


def read_usage() -> Usage:
    """Return the usage so far, as the kernel counts it, without the wait for cores."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(
        user_s=own.ru_utime + children.ru_utime,
        system_s=own.ru_stime + children.ru_stime,
        voluntary_switches=own.ru_nvcsw + children.ru_nvcsw,
        involuntary_switches=own.ru_nivcsw + children.ru_nivcsw,
    )


def added(usages: Iterable[Usage]) -> Usage:
    """Return the sum of the usages, that of the waits as far as they are known."""
    each = list(usages)
    waits = [usage.run_queue_s for usage in each if usage.run_queue_s is not None]
    return Usage(
        user_s=sum(usage.user_s for usage in each),
        system_s=sum(usage.system_s for usage in each),
        voluntary_switches=sum(usage.voluntary_switches for usage in each),
        involuntary_switches=sum(usage.involuntary_switches for usage in each),
        run_queue_s=sum(waits) if waits else None,
    )


def peak_rss_bytes() -> int:
    """Return the peak resident memory of this process, including pages shared with others.

    On Linux from /proc: what getrusage says there includes the process that this one was forked from. Elsewhere from
    getrusage, which counts in bytes on macOS and in KiB on others.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes


@dataclass(frozen=True)
class Measured:
    """Rows and resources of one phase, from the first statement to the last acknowledgement.

    ``throttling`` is None if nothing limits the CPU time of this process. ``started_s`` and ``ended_s`` are of the
    system's monotonic clock, which on Linux (CLOCK_MONOTONIC) all processes and containers of a machine share.
    """

    rows: int
    wall_s: float
    usage: Usage
    throttling: Throttling | None = None
    started_s: float | None = None
    ended_s: float | None = None


class PhaseClock:
    """The clock of a phase, from the moment all workers are ready to the last acknowledgement.

    ``begin`` is called as it starts.
    """

    def __init__(self, begin: Callable[[], None] | None = None) -> None:
        self._begin = begin
        self._started_s = 0.0
        self._usage_before = Usage(0.0, 0.0, 0, 0)
        self._throttling_before: Throttling | None = None
        self._waits_before: Waits = {}
        self._ended: dict[int, float] = {}

    def start(self) -> None:
        """Start the clock; all workers are connected and wait for it."""
        # Files are read outside of what is measured.
        self._throttling_before = read_throttling()
        self._waits_before = read_waits()
        self._usage_before = read_usage()
        self._started_s = time.monotonic()
        if self._begin is not None:
            self._begin()

    def leave(self) -> None:
        """Note what the calling thread has waited for a core; a thread that may end before ``stop`` calls it last."""
        self._ended.update(read_own_wait())

    def stop(self, rows: int, children: Iterable[Usage] = ()) -> Measured:
        """Stop the clock after the last worker. ``children`` is the usage of child processes that still run."""
        started_s, ended_s = self._started_s, time.monotonic()
        used = read_usage().since(self._usage_before)
        waited_s = growth(self._waits_before, {**read_waits(), **self._ended})
        usage = added([used._replace(run_queue_s=waited_s), *children])
        throttling = _since(self._throttling_before, read_throttling())
        return Measured(rows, ended_s - started_s, usage, throttling, started_s, ended_s)


def _since(before: Throttling | None, now: Throttling | None) -> Throttling | None:
    """Return the throttling since then. A group has no counts before its first period has ended."""
    if now is None or before is None:
        return now
    return Throttling(
        now.periods - before.periods,
        now.throttled_periods - before.throttled_periods,
        now.throttled_s - before.throttled_s,
        now.quota,
    )
