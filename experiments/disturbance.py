"""Runs during which something else held the machine up: found by thresholds, marked and counted, never dropped.

What the system does not tell cannot be found: a hypervisor need not say what it keeps, and other machines on the same
hardware show in nothing but the numbers. Runs that are not marked may have been disturbed, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.records import Host, Record

STOLEN_SHARE = 0.02
"""Of the CPU time of the run's cores: more than that was kept by the hypervisor. Quiet campaigns have below 0.5%."""

FOREIGN_CORES = 0.15
"""CPU seconds per second, on the run's cores, used by processes that belong to neither loader, server nor harness.

Of 1,278 runs of quiet campaigns on 2 cores half had below 0.03, all but 4 below this; the harness writing its records
and the system's own services are what is left there.
"""

FOREIGN_ELSEWHERE = 0.25
"""Of the CPU time of the cores that the run does not have: softer, as such processes take no turn from it.

They take of what cores share: caches, memory, the clock's reserve. How much that costs depends on the machine.
"""

THROTTLED_SHARE = 0.02
"""Of the timed phases: longer than that a control group held the loader back, where the cell itself sets no limit."""

LOUD_SHARE = 0.2
"""Of a cell's runs: where more of them are disturbed its row says so."""

THRESHOLDS = (
    f"over {STOLEN_SHARE:.0%} of the CPU time stolen, {FOREIGN_CORES:g} cores of foreign load (of cores that the run "
    f"does not have {FOREIGN_ELSEWHERE:.0%}), "
    f"or throttled {THROTTLED_SHARE:.0%} of the time though the row sets no limit"
)
"""The same for people."""

_STOLEN = "{} of the CPU time stolen by the hypervisor"
_FOREIGN = "foreign load of {} cores"
_ELSEWHERE = "foreign load of {} of the other cores"
_THROTTLED = "throttled {} of the time though nothing limits the loader"


def find_disturbances(record: Record, placement: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What disturbed a run, for people: 'foreign load of 0.4 cores'. Empty where nothing did, or nothing was seen.

    ``placement`` is what stands behind the cell's ``resources``: its cores, and whether it limits the loader.
    """
    return tuple(text.format(_amount(text, amount)) for text, amount in _above_threshold(record, placement))


def sum_up_disturbances(records: Sequence[Record], placement: Mapping[str, Any] | None) -> str:
    """What disturbed any of the runs, with the largest amount of each: 'foreign load of up to 0.4 cores'."""
    largest: dict[str, float] = {}
    for record in records:
        for text, amount in _above_threshold(record, placement):
            largest[text] = max(amount, largest.get(text, 0.0))
    return ", ".join(text.format(f"up to {_amount(text, amount)}") for text, amount in largest.items())


def _above_threshold(record: Record, placement: Mapping[str, Any] | None) -> Iterator[tuple[str, float]]:
    if record.host is not None:
        yield from _around(record.host, record.host.observed_s or record.wall_s, _cores(placement))
    if placement is not None and placement.get("loader_quota") is None and record.timed_s:
        throttled = sum(phase.throttled_s or 0.0 for phase in (record.phases or {}).values()) / record.timed_s
        yield from [(_THROTTLED, throttled)] * (throttled > THROTTLED_SHARE)


def _around(host: Host, observed_s: float | None, cores: int | None) -> Iterator[tuple[str, float]]:
    """What the machine did beside the run, on its ``cores`` and elsewhere.

    Records from before each core was read have the sums of all cores alone: those then count for the run's. Without
    ``observed_s`` in them the attempt stands for it, which was a little longer.
    """
    if not observed_s:
        return
    steal_s = host.steal_s if host.run_steal_s is None else host.run_steal_s
    foreign_s = host.foreign_cpu_s if host.run_foreign_cpu_s is None else host.run_foreign_cpu_s
    if cores is not None and steal_s is not None:
        stolen = steal_s / (observed_s * cores)
        yield from [(_STOLEN, stolen)] * (stolen > STOLEN_SHARE)
    if foreign_s is not None:
        foreign = foreign_s / observed_s
        yield from [(_FOREIGN, foreign)] * (foreign > FOREIGN_CORES)
    others = 0 if cores is None or host.cores is None else host.cores - cores
    if others > 0 and host.foreign_cpu_s is not None and host.run_foreign_cpu_s is not None:
        elsewhere = (host.foreign_cpu_s - host.run_foreign_cpu_s) / (observed_s * others)
        yield from [(_ELSEWHERE, elsewhere)] * (elsewhere > FOREIGN_ELSEWHERE)


def _cores(placement: Mapping[str, Any] | None) -> int | None:
    """How many cores the run had, where that is known."""
    return len({*placement["loader_cpus"], *placement["server_cpus"]}) if placement else None


def _amount(text: str, amount: float) -> str:
    return f"{amount:.2g}" if text == _FOREIGN else f"{amount:.0%}"
