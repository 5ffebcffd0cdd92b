"""Connection states of the sampler's report, cut to the phases of the run.

The sampler (``python -m bigdata.cmd sample``) reports when it sampled and how many connections were then in which
state, waiting for what; the loader reports when its phases began and ended, by the same clock.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.records.record import Connections, Phase

ON_A_CORE = "CPU"
"""The wait of an active connection that has a core, or is waiting for one."""

ACTIVE, IDLE, IN_TRANSACTION = "active", "idle", "idle_in_transaction"

# By the names of pg_stat_activity. Others say nothing: a connection that is being made, a server that keeps no account.
_STATES = {
    "active": ACTIVE,
    "fastpath function call": ACTIVE,
    "idle": IDLE,
    "idle in transaction": IN_TRANSACTION,
    "idle in transaction (aborted)": IN_TRANSACTION,
}


@dataclass(frozen=True)
class PhaseSamples:
    """Sum of all samples of one phase: their number, and how often a connection was in each state.

    ``waits`` has the active ones by what they waited for: 'IO:WalSync', 'CPU' for nothing. ``interval_s`` is the mean
    time between two samples; None for fewer than two.
    """

    samples: int
    interval_s: float | None
    idle: int
    idle_in_transaction: int
    waits: Mapping[str, int]

    @property
    def connections(self) -> int:
        """Number of connections in all samples."""
        return self.idle + self.idle_in_transaction + sum(self.waits.values())


def cut_to_phase(report: Mapping[str, Any], phase: Phase) -> PhaseSamples:
    """Return a phase's samples, none without its times. Raises KeyError, TypeError or ValueError for another report."""
    if phase.started_s is None or phase.ended_s is None:
        return PhaseSamples(0, None, 0, 0, {})
    inside = [(at_s, counts) for at_s, counts in report["samples"] if phase.started_s <= at_s <= phase.ended_s]
    states = Counter[tuple[str, str]]()
    kinds = [_kind(group) for group in report["groups"]]
    for _, counts in inside:
        # A later sample is longer if it found a new group.
        for kind, number in zip(kinds, counts, strict=False):
            if kind is not None and number:
                states[kind] += number
    return PhaseSamples(
        samples=len(inside),
        interval_s=round((inside[-1][0] - inside[0][0]) / (len(inside) - 1), 5) if len(inside) > 1 else None,
        idle=sum(number for (state, _), number in states.items() if state == IDLE),
        idle_in_transaction=sum(number for (state, _), number in states.items() if state == IN_TRANSACTION),
        waits={wait: number for (state, wait), number in sorted(states.items()) if state == ACTIVE},
    )


def find_shares(samples: PhaseSamples, round_trip_s: float | None, scheduling: str | None = None) -> Connections | None:
    """Return ``Record.connections`` from the samples of phase ``data``; None if there was no connection in any."""
    if samples.connections == 0:
        return None
    waits = {wait: number / samples.connections for wait, number in samples.waits.items()}
    return Connections(
        samples=samples.samples,
        interval_s=samples.interval_s,
        round_trip_s=round_trip_s,
        scheduling=scheduling,
        active=round(sum(waits.values()), 5),
        idle=round(samples.idle / samples.connections, 5),
        idle_in_transaction=round(samples.idle_in_transaction / samples.connections, 5),
        waits={wait: round(share, 5) for wait, share in sorted(waits.items(), key=lambda one: (-one[1], one[0]))},
    )


def _kind(group: Sequence[str | None]) -> tuple[str, str] | None:
    """Return state and wait of a group of connections; None where the server does not tell them."""
    state, wait_type, wait = group
    known = _STATES.get(state or "")
    if known is None:
        return None
    return known, ON_A_CORE if wait_type is None else f"{wait_type}:{wait}"
