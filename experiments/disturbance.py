"""Runs during which something else held the machine up: found by thresholds, marked and counted, never dropped.

What the system does not tell cannot be found: a hypervisor need not say what it keeps, and other machines on the same
hardware show in nothing but the numbers. Runs that are not marked may have been disturbed, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.records import Record

STOLEN_SHARE = 0.02
"""Of the CPU time of the run's cores: more than that was kept by the hypervisor. Quiet campaigns have below 0.5%."""

FOREIGN_CORES = 0.15
"""CPU seconds per second used by processes that belong to neither loader, server nor harness.

Of 1,278 runs of quiet campaigns on 2 cores half had below 0.03, all but 4 below this; the harness writing its records
and the system's own services are what is left there.
"""

THROTTLED_SHARE = 0.02
"""Of the timed phases: longer than that a control group held the loader back, where the cell itself sets no limit."""

LOUD_SHARE = 0.2
"""Of a cell's runs: where more of them are disturbed its row says so."""

THRESHOLDS = (
    f"over {STOLEN_SHARE:.0%} of the CPU time stolen, {FOREIGN_CORES:g} cores of foreign load, "
    f"or throttled {THROTTLED_SHARE:.0%} of the time though the row sets no limit"
)
"""The same for people."""

_STOLEN = "{} of the CPU time stolen by the hypervisor"
_FOREIGN = "foreign load of {} cores"
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
    host = record.host
    # Records from before the observed time was written: it was a little shorter than the whole attempt.
    observed_s = (host and host.observed_s) or record.wall_s
    if host and observed_s:
        stolen = (host.steal_s or 0.0) / (observed_s * _cores(placement))
        foreign = (host.foreign_cpu_s or 0.0) / observed_s
        yield from [(_STOLEN, stolen)] * (stolen > STOLEN_SHARE)
        yield from [(_FOREIGN, foreign)] * (foreign > FOREIGN_CORES)
    if placement is not None and placement.get("loader_quota") is None and record.timed_s:
        throttled = sum(phase.throttled_s or 0.0 for phase in (record.phases or {}).values()) / record.timed_s
        yield from [(_THROTTLED, throttled)] * (throttled > THROTTLED_SHARE)


def _cores(placement: Mapping[str, Any] | None) -> int:
    """How many cores the run had; 1 where that is not known."""
    return len({*placement["loader_cpus"], *placement["server_cpus"]}) if placement else 1


def _amount(text: str, amount: float) -> str:
    return f"{amount:.2g}" if text == _FOREIGN else f"{amount:.0%}"
