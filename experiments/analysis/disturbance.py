"""Disturbed runs, slowed down by something else: found by thresholds, marked and counted.

A hypervisor need not say what it keeps, and other machines on the same hardware take caches, memory and clock. Then
client and server both need more CPU time for the same work than in the row's other runs. Unmarked runs may have been
disturbed, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.usable_cores import count_cores, has_one_thread
from experiments.records.facts import Placement
from experiments.records.record import Host, Record

STOLEN_SHARE = 0.02
"""Of the CPU time of the run's cores: more than that was kept by the hypervisor. Quiet campaigns have below 0.5%."""

FOREIGN_CORES = 0.15
"""CPU seconds per second on the run's cores, of processes of neither loader, server nor harness.

Of 1,278 runs of quiet campaigns on 2 cores half had below 0.03, all but 4 below this.
"""

FOREIGN_ELSEWHERE = 0.25
"""Of the CPU time of the other cores: softer, as processes there take only caches, memory and the clock's reserve."""

THROTTLED_SHARE = 0.02
"""Of the timed phases: longer than that a control group held the loader back, where the cell itself sets no limit."""

SLOWER_CORES = 1.25
"""Times the median CPU time per row of the row's other runs, in client and server alike: then the cores do less.

Of 1,818 runs on a virtual machine of 2 cores 7% were marked by it, with 0.67 times the rows/s of their row's median.
The system reported neither stolen time nor foreign load for most of them.
"""

FEWEST_FOR_USUAL = 5
"""Fewer runs do not say what is usual."""

MAX_DISTURBED_SHARE = 0.2
"""Of a cell's runs: where more are disturbed nothing is claimed of its row, and of no row if it is the baseline."""

RUN_QUEUE_SHARE = 0.05
"""Of the time of phase ``data``: longer than that the only thread of a loader waited for its own core."""

THRESHOLDS = (
    f"more than {STOLEN_SHARE:.0%} of the CPU time stolen; other processes on {FOREIGN_CORES:g} of the run's cores, or "
    f"on {FOREIGN_ELSEWHERE:.0%} of the others; throttled {THROTTLED_SHARE:.0%} of the time though the row sets no "
    f"limit; a single thread waiting for its core {RUN_QUEUE_SHARE:.0%} of the time; or client and server both needing "
    f"{SLOWER_CORES - 1:.0%} more CPU time per row than usual for it"
)
"""The same for people."""

_STOLEN = "{} of the CPU time stolen by the hypervisor"
_FOREIGN = "foreign load of {} cores"
_ELSEWHERE = "foreign load of {} of the other cores"
_THROTTLED = "throttled {} of the time though the row sets no limit"
_RUN_QUEUE = "waited {} of the time for a core of its own"
_SLOWER = "slower cores, on which client and server took {} times their usual CPU time"


@dataclass(frozen=True)
class UsualCost:
    """CPU seconds per row, the median of a cell's runs."""

    client_s: float
    server_s: float


UsualCosts = Mapping[str | None, UsualCost | None]
"""By machine; None is the only one of a campaign without a cluster."""
_UNKNOWN: UsualCosts = {}


def usual_cost(records: Sequence[Record]) -> UsualCost | None:
    """Return that of the ok runs of one cell; None where they are too few."""
    costs = [cost for record in records if (cost := _cost(record)) is not None]
    if len(costs) < FEWEST_FOR_USUAL:
        return None
    return UsualCost(statistics.median(c.client_s for c in costs), statistics.median(c.server_s for c in costs))


def find_disturbances(record: Record, placement: Placement | None, usual: UsualCost | None = None) -> tuple[str, ...]:
    """Name what disturbed a run: 'foreign load of 0.4 cores'. ``placement`` is the part of the cell's ``resources``."""
    return tuple(text.format(_amount(text, amount)) for text, amount in _above_threshold(record, placement, usual))


def find_load(host: Host, cores: int) -> str | None:
    """Name the first load on the ``cores`` of a run that a machine had meanwhile; None if none is above a threshold."""
    found = (pair for pair in _around(host, host.observed_s, cores) if pair[0] != _ELSEWHERE)
    return next((text.format(_amount(text, amount)) for text, amount in found), None)


def has_outside_cause(record: Record, placement: Placement | None) -> bool:
    """Return whether a run was disturbed from outside on its own cores, by criteria that do not look at its speed."""
    return any(text != _ELSEWHERE for text, _ in _above_threshold(record, placement, None))


def usual_costs(records: Sequence[Record]) -> UsualCosts:
    """Return the usual cost on each machine: those of a cluster may be of different speeds."""
    machines = {record.machine for record in records}
    return {name: usual_cost([record for record in records if record.machine == name]) for name in machines}


def sum_up_disturbances(records: Sequence[Record], placement: Placement | None, usual: UsualCosts = _UNKNOWN) -> str:
    """Name what disturbed any of the runs, with the largest amount: 'foreign load of up to 0.4 cores'."""
    largest: dict[str, float] = {}
    for record in records:
        for text, amount in _above_threshold(record, placement, usual.get(record.machine)):
            largest[text] = max(amount, largest.get(text, 0.0))
    return ", ".join(text.format(f"up to {_amount(text, amount)}") for text, amount in largest.items())


def _above_threshold(
    record: Record, placement: Placement | None, usual: UsualCost | None
) -> Iterator[tuple[str, float]]:
    if record.host is not None:
        # Older records have no ``observed_s``, and sums of all cores alone: the attempt was a little longer.
        cores = count_cores(placement) if placement else None
        yield from _around(record.host, record.host.observed_s or record.wall_s, cores)
    if placement is not None and placement.loader_quota is None and record.timed_s:
        throttled = sum(phase.throttled_s or 0.0 for phase in (record.phases or {}).values()) / record.timed_s
        yield from [(_THROTTLED, throttled)] * (throttled > THROTTLED_SHARE)
    waited = _sole_thread_wait(record, placement)
    yield from [(_RUN_QUEUE, waited)] * (waited > RUN_QUEUE_SHARE)
    cost = _cost(record)
    if usual is not None and cost is not None:
        slower = min(cost.client_s / usual.client_s, cost.server_s / usual.server_s)
        yield from [(_SLOWER, slower)] * (slower > SLOWER_CORES)


def _sole_thread_wait(record: Record, placement: Placement | None) -> float:
    """Return the share of phase data in which a loader of one thread waited for a core that only others can have taken.

    Of a core that it shares with the server, or with the neighbours of its row, it has to wait anyway.
    """
    data = (record.phases or {}).get("data")
    if placement is None or data is None or data.run_queue_s is None or not has_one_thread(record.cell):
        return 0.0
    own = placement.loader_cpus - placement.server_cpus if not placement.loader_neighbours else frozenset[int]()
    return data.run_queue_s / data.wall_s if own and placement.loader_quota is None else 0.0


def _cost(record: Record) -> UsualCost | None:
    """Return the cost of a row in this run. The server's is of its whole life, nearly all in phase ``data``."""
    data = (record.phases or {}).get("data")
    server_s = None if record.server is None else record.server.cpu_s
    if record.status != "ok" or not data or not server_s or data.user_s + data.system_s <= 0:
        return None
    return UsualCost((data.user_s + data.system_s) / data.units, server_s / data.units)


def _around(host: Host, observed_s: float | None, cores: int | None) -> Iterator[tuple[str, float]]:
    """Find the load beside the run on its ``cores``, and elsewhere."""
    others = 0 if cores is None or host.cores is None else max(0, host.cores - cores)
    for text, seconds, of_cores, most in (
        (_STOLEN, host.stolen_s, cores, STOLEN_SHARE),
        (_FOREIGN, host.foreign_s, 1, FOREIGN_CORES),
        (_ELSEWHERE, host.foreign_elsewhere_s, others, FOREIGN_ELSEWHERE),
    ):
        if observed_s and of_cores and seconds is not None and seconds / (observed_s * of_cores) > most:
            yield text, seconds / (observed_s * of_cores)


def _amount(text: str, amount: float) -> str:
    return f"{amount:.2g}" if text in (_FOREIGN, _SLOWER) else f"{amount:.0%}"
