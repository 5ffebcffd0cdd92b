"""What the sampler saw, cut to the phases of the run: how many of its connections were at what, and as shares of all.

The sampler (``python -m bigdata.cmd sample``) says when it looked and how many connections were then in which state,
waiting for what; the loader says when its phases began and ended, by the same clock. Nothing here knows the world.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.records.record import Phase

ON_A_CORE = "CPU"
"""What an active connection is at that waits for nothing: it has a core, or is waiting for one."""

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
class Seen:
    """All samples of one phase added up: how many there were, and how often a connection was seen in each state.

    ``waits`` has those that were active by what they waited for: 'IO:WalSync', 'CPU' for nothing. ``interval_s`` is the
    time between two samples, on average; None where there were fewer.
    """

    samples: int
    interval_s: float | None
    idle: int
    idle_in_transaction: int
    waits: Mapping[str, int]

    @property
    def connections(self) -> int:
        """How often a connection was seen at all."""
        return self.idle + self.idle_in_transaction + sum(self.waits.values())


def cut_to_phase(report: Mapping[str, Any], phase: Phase) -> Seen:
    """What the sampler's report says of one phase. Raises KeyError, TypeError or ValueError where it is none.

    A phase that does not say when it was has no samples.
    """
    if phase.started_s is None or phase.ended_s is None:
        return Seen(0, None, 0, 0, {})
    inside = [(at_s, counts) for at_s, counts in report["samples"] if phase.started_s <= at_s <= phase.ended_s]
    seen = Counter[tuple[str, str]]()
    kinds = [_kind(group) for group in report["groups"]]
    for _, counts in inside:
        # A sample is shorter than those after it where they saw something new.
        for kind, number in zip(kinds, counts, strict=False):
            if kind is not None and number:
                seen[kind] += number
    return Seen(
        samples=len(inside),
        interval_s=round((inside[-1][0] - inside[0][0]) / (len(inside) - 1), 5) if len(inside) > 1 else None,
        idle=sum(number for (state, _), number in seen.items() if state == IDLE),
        idle_in_transaction=sum(number for (state, _), number in seen.items() if state == IN_TRANSACTION),
        waits={wait: number for (state, wait), number in sorted(seen.items()) if state == ACTIVE},
    )


def find_shares(seen: Seen, round_trip_s: float | None, scheduling: str | None = None) -> dict[str, Any] | None:
    """``Record.connections`` of what was seen in phase ``data``; None where no connection was."""
    if seen.connections == 0:
        return None
    waits = {wait: number / seen.connections for wait, number in seen.waits.items()}
    return {
        "samples": seen.samples,
        "interval_s": seen.interval_s,
        "round_trip_s": round_trip_s,
        "scheduling": scheduling,
        ACTIVE: round(sum(waits.values()), 5),
        IDLE: round(seen.idle / seen.connections, 5),
        IN_TRANSACTION: round(seen.idle_in_transaction / seen.connections, 5),
        "waits": {wait: round(share, 5) for wait, share in sorted(waits.items(), key=lambda one: (-one[1], one[0]))},
    }


def _kind(group: Sequence[str | None]) -> tuple[str, str] | None:
    """State and wait of a group of connections; None where the server does not say what they are at."""
    state, wait_type, wait = group
    known = _STATES.get(state or "")
    if known is None:
        return None
    return known, ON_A_CORE if wait_type is None else f"{wait_type}:{wait}"
