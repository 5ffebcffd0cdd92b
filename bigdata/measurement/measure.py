"""The clock and the CPU account of one phase, and what a process can say about its memory."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, NamedTuple

from bigdata.measurement.control_group import Throttling, read_throttling


class Usage(NamedTuple):
    """What this process and its ended children have used since they began; living ones report theirs themselves."""

    user_s: float
    system_s: float
    voluntary_switches: int
    involuntary_switches: int


def read_usage() -> Usage:
    """Now, as the kernel counts it."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(
        user_s=own.ru_utime + children.ru_utime,
        system_s=own.ru_stime + children.ru_stime,
        voluntary_switches=own.ru_nvcsw + children.ru_nvcsw,
        involuntary_switches=own.ru_nivcsw + children.ru_nivcsw,
    )


def added(usages: Iterable[Usage]) -> Usage:
    """The sum of them."""
    each = list(usages)
    return Usage(
        user_s=sum(usage.user_s for usage in each),
        system_s=sum(usage.system_s for usage in each),
        voluntary_switches=sum(usage.voluntary_switches for usage in each),
        involuntary_switches=sum(usage.involuntary_switches for usage in each),
    )


def used_since(before: Usage) -> Usage:
    """What was used from then to now."""
    now = read_usage()
    return Usage(
        user_s=now.user_s - before.user_s,
        system_s=now.system_s - before.system_s,
        voluntary_switches=now.voluntary_switches - before.voluntary_switches,
        involuntary_switches=now.involuntary_switches - before.involuntary_switches,
    )


def peak_rss_bytes() -> int:
    """The most memory that this process has held, pages that it shares with others included.

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
    """One phase: the rows it INSERTed, and what it took from the first statement to the last acknowledgement.

    ``throttling`` is None where nothing limits the CPU time of this process. ``started_s`` and ``ended_s`` are of the
    system's monotonic clock, which on Linux (CLOCK_MONOTONIC) all processes and containers of a machine share.
    """

    rows: int
    wall_s: float
    usage: Usage
    throttling: Throttling | None = None
    started_s: float | None = None
    ended_s: float | None = None


class PhaseClock:
    """Started when all workers stand ready, stopped when the last one has its last acknowledgement."""

    def __init__(self) -> None:
        self._started_s = 0.0
        self._usage_before = Usage(0.0, 0.0, 0, 0)
        self._throttling_before: Throttling | None = None

    def start(self) -> None:
        """All workers are connected and wait for this moment."""
        # Files are read outside of what is measured.
        self._throttling_before = read_throttling()
        self._usage_before = read_usage()
        self._started_s = time.monotonic()

    def stop(self, rows: int, children: Iterable[Usage] = ()) -> Measured:
        """The last worker has finished. ``children`` is what child processes used that have not ended."""
        started_s, ended_s = self._started_s, time.monotonic()
        usage = added([used_since(self._usage_before), *children])
        throttling = _since(self._throttling_before, read_throttling())
        return Measured(rows, ended_s - started_s, usage, throttling, started_s, ended_s)


def _since(before: Throttling | None, now: Throttling | None) -> Throttling | None:
    """What was counted since then. Before its first period has ended a group has nothing to say."""
    if now is None or before is None:
        return now
    return Throttling(
        now.periods - before.periods,
        now.throttled_periods - before.throttled_periods,
        now.throttled_s - before.throttled_s,
    )
