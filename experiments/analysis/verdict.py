"""Bottleneck of a cell: one label, the numbers that led to it, one sentence; with all thresholds.

``relay-bound`` goes before all: a relay, in place of a longer network, used ``BUSY_SHARE`` of a core, or the server's
cores are that full only with the relay's part, of ``RELAY_SHARE`` at least. Such a row is no result. Else the first
that holds is the label:

1. ``host-saturated``: client and server share cores or a quota, of which they use ``BUSY_SHARE`` together; or a quota
   that is not the client's own made it wait for ``WAIT_SHARE`` of the time; or busy neighbours are part of the row,
   and no side is full by itself (2); or other processes and the hypervisor took
   ``FOREIGN_SHARE`` of the run's cores, no side is full by itself (2), and a side would be full with their part. A side
   that is full all the same is the limit; the sentence names the others.
2. ``client-bound`` or ``server-bound``: the side used ``BUSY_SHARE`` of the cores that it can use (one under a lock or
   an event loop, no more than a quota), or the client's own quota made it wait for ``WAIT_SHARE`` of the time. Both:
   ``mixed``. Threads under a lock with several cores are not full by their share of one core, as driver and kernel may
   have used another one outside of the lock.
3. ``commit-bound``: connections wait for commits for ``WAIT_SHARE`` of their time, and for nothing longer. Where the
   kernel tells how long they waited for a core, that is none of it.
4. ``latency-bound``: the same for round trips and the server's other waits together, or there is one connection.
5. ``mixed``: no side is busy, and no wait is long. More connections would get more out of the same cores.

2 goes before 3: a full core does more rows only if a row costs it less CPU time. Commits may be part of that cost: with
20 connections a row cost the server 63 to 65 us of CPU time where each was forced to disk, and 43 to 47 us with
``synchronous_commit`` off.

Active and idle connections decide nothing. A statement that has arrived while its process waits for a core is not seen
as active. With 20 connections and one full core of server 4% to 8% of them were active where no row waited for the
disk, and 70% to 75%, most of them in a commit, where each did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from experiments.analysis.usable_cores import Setup
from experiments.analysis.utilization import Observations

Label = Literal[
    "relay-bound", "client-bound", "server-bound", "commit-bound", "latency-bound", "host-saturated", "mixed"
]

BUSY_SHARE = 0.9
"""Of a side's cores. One core of server was used by 98% with 20 connections, 93% to 94% where each row is forced to
disk, 86% with 5 (a larger pool did more rows/s), 50% with 1: medians of six blocks inside phase ``data``."""

FOREIGN_SHARE = 0.1
"""Of the run's cores. Quiet runs have below 0.075 (``disturbance.FOREIGN_CORES`` on two cores)."""

RELAY_SHARE = 0.1
"""Of the server's cores: less of them for a relay changes a rate by less than campaigns differ."""

WAIT_SHARE = 1 / 3
"""Of the connections' time: without these waits they could do half as much again, as far as the cores have it."""

# A shorter wait is not named in the sentence.
_WORTH_TELLING = 0.05


@dataclass(frozen=True)
class Verdict:
    """``numbers`` are shares by their names in ``Observations``, the one that decided it first; ``sentence`` is for
    people, and says which cores each side had."""

    label: Label
    numbers: Mapping[str, float]
    sentence: str

    @property
    def is_relay_bound(self) -> bool:
        """Return whether the relay in place of a network is the limit, so that it is no result."""
        return self.label == "relay-bound"


def find_verdict(observations: Observations) -> Verdict | None:
    """Find the bottleneck; None where no side is busy and connections were not sampled."""
    return _relay(observations) or _host(observations) or _busy(observations) or _waiting(observations)


def _relay(seen: Observations) -> Verdict | None:
    if seen.relay_cores is None or _is_full(seen, "client"):
        return None
    limit = seen.cores.server_limit
    beside = seen.server_share * limit + seen.relay_cores >= BUSY_SHARE * limit
    if seen.relay_cores < BUSY_SHARE and not (beside and seen.relay_cores >= RELAY_SHARE * limit):
        return None
    cause = f"The relay that stands in for the network is the limit, {seen.relay_cores:.2f} of the server's cores"
    return _verdict("relay-bound", seen, ("relay_cores", "server_share", "client_share"), cause)


def _host(seen: Observations) -> Verdict | None:
    cores = seen.cores
    if (cores.shared or cores.outer_quota) and seen.run_share >= BUSY_SHARE:
        quota = " by a quota" if cores.run_limit < cores.run_cores else ""
        cause = f"Client and server share {_cores(cores.run_limit)}{quota}, and used {_percent(seen.run_share)} of that"
        return _verdict("host-saturated", seen, ("run_share", "client_share", "server_share"), cause)
    if _waits_for_quota(seen) and not _has_own_quota(cores):
        cause = "A CPU quota around client and server is the limit"
        return _verdict("host-saturated", seen, ("throttled_share", "client_share", "server_share"), cause)
    if _is_full(seen, "client") or _is_full(seen, "server"):
        return None
    if cores.neighbours:
        sides = " and ".join(f"the {side}'s" for side in cores.neighbours)
        cause = f"Busy neighbours take the rest of {sides} cores"
        return _verdict("host-saturated", seen, ("client_share", "server_share"), cause)
    if not _is_crowded(seen):
        return None
    return _verdict("host-saturated", seen, ("foreign_share", "client_share", "server_share"), f"O{_others(seen)[1:]}")


def _others(seen: Observations) -> str:
    return f"other processes took {_percent(seen.foreign_share)} of the {_cores(seen.cores.run_cores)} of the run"


def _is_crowded(seen: Observations) -> bool:
    """Return whether others took enough of the cores to fill those of a side, or of both."""
    cores, foreign = seen.cores, (seen.foreign_share or 0.0) * seen.cores.run_cores
    own = ((seen.client_share, cores.client_limit), (seen.server_share, cores.server_limit))
    sides = (*own, (seen.run_share, cores.run_limit))
    return _is_disturbed(seen) and any(
        share * side < BUSY_SHARE * math.ceil(side) <= share * side + foreign for share, side in sides
    )


def _is_disturbed(seen: Observations) -> bool:
    return (seen.foreign_share or 0.0) >= FOREIGN_SHARE


def _waits_for_quota(seen: Observations) -> bool:
    return (seen.throttled_share or 0.0) >= WAIT_SHARE


def _has_own_quota(cores: Setup) -> bool:
    """Return whether the client is throttled by a quota of its own: only then waiting for it makes a side full."""
    return cores.client_quota is not None and cores.outer_quota is None


def _is_throttled(seen: Observations) -> bool:
    return _waits_for_quota(seen) and _has_own_quota(seen.cores)


def _is_full(seen: Observations, side: Literal["client", "server"]) -> bool:
    """Return whether a side used all that it can use."""
    if side == "server":
        return seen.server_share >= BUSY_SHARE
    return _is_throttled(seen) or (seen.client_share >= BUSY_SHARE and not seen.cores.at_least)


def _busy(seen: Observations) -> Verdict | None:
    client, server = _is_full(seen, "client"), _is_full(seen, "server")
    more = [_others(seen)] if _is_disturbed(seen) else []
    if client and server:
        return _verdict("mixed", seen, ("client_share", "server_share"), "Both sides are at their limit", *more)
    if client:
        numbers = ("client_share", "server_share", *(["throttled_share"] if _is_throttled(seen) else []), "idle")
        return _verdict("client-bound", seen, numbers, "The client is the limit", *more)
    if server:
        numbers = ("server_share", "client_share", "active")
        return _verdict("server-bound", seen, numbers, "The server is the limit", *more)
    return None


def _waiting(seen: Observations) -> Verdict | None:
    if seen.commit_wait is None:
        return None
    commit, trip, other = seen.commit_wait, seen.round_trip or 0.0, seen.other_wait or 0.0
    if commit >= WAIT_SHARE and commit >= max(trip, other):
        cause = f"Waiting for commits is the limit, {_percent(commit)} of the connections' time"
        numbers = ("commit_wait", "server_share", "client_share")
        return _verdict("commit-bound", seen, numbers, cause, *_bound(seen))
    if other + trip >= WAIT_SHARE:
        first, what = ("other_wait", "in the server") if other >= trip else ("round_trip", "for round trips")
        cause = f"Waiting {what} is the limit, {_percent(max(other, trip))} of the connections' time"
        return _verdict("latency-bound", seen, (first, "server_share", "client_share"), cause)
    shares = ("server_share", "client_share", "commit_wait", "round_trip")
    if seen.poolsize == 1:
        return _verdict("latency-bound", seen, shares, "One connection: client, network and server take turns")
    if seen.client_share >= BUSY_SHARE:
        cause = "No wait is long, and whether the client's lock (GIL) is the limit is not known"
        return _verdict("mixed", seen, shares, cause)
    return _verdict("mixed", seen, shares, "No side is busy, and no wait is long")


def _bound(seen: Observations) -> Iterator[str]:
    """Say how much more the busier side could do without waits (utilisation law)."""
    sides = [(seen.server_share, f"the server's {_cores(seen.cores.server_limit)}")]
    # Of threads under a lock nobody knows how much more they could use.
    sides += [] if seen.cores.at_least else [(seen.client_share, f"the client's {_cores(seen.cores.client_limit)}")]
    sides += [(seen.run_share, f"the {_cores(seen.cores.run_limit)} of both")] if seen.cores.shared else []
    share, whose = max(sides)
    if share > 0:
        yield f"{whose} could do at most {_factor(1 / share)} times as much"


def _verdict(label: Label, seen: Observations, names: tuple[str, ...], cause: str, *more: str) -> Verdict:
    """``more`` is said behind what is said of every label."""
    numbers = {name: round(float(value), 4) for name in names if (value := getattr(seen, name)) is not None}
    return Verdict(label, numbers, f"{cause}: {'; '.join((*_facts(seen), *more))}.")


def _facts(seen: Observations) -> Iterator[str]:
    """Say what each side used of which cores, and what the connections did: the same for every label."""
    cores = seen.cores
    quota = "" if cores.client_quota is None else ", its quota"
    can_use = "it can use at least" if cores.at_least else "it can use"
    yield f"the client used {_percent(seen.client_share)} of the {_cores(cores.client_limit)} {can_use}{quota}"
    yield f"the server {_percent(seen.server_share)} of its {_cores(cores.server_limit)}"
    if seen.throttled_share:
        quota = "the quota" if cores.outer_quota is None else f"the quota of {_cores(cores.outer_quota)} around both"
        yield f"{quota} stopped the client {_percent(seen.throttled_share)} of the time"
    if seen.active is not None:
        yield _connections(seen, seen.active)


def _connections(seen: Observations, active: float) -> str:
    """Say how many of them were active on average, and what most of these waited for."""
    name, share = next(((name, share) for name, share in seen.waits.items() if name != "CPU"), ("", 0.0))
    waiting = share >= _WORTH_TELLING
    if seen.poolsize == 1:
        return f"its connection was active {_percent(active)} of the time" + f", {_percent(share)} in {name}" * waiting
    average, most = (_number(part * seen.poolsize) for part in (active, share))
    return f"on average {average} of its {seen.poolsize} connections were active" + f", {most} in {name}" * waiting


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def _factor(number: float) -> str:
    return f"{number:.2f}" if number < 9.995 else f"{number:.0f}"


def _cores(number: float) -> str:
    return "one core" if number == 1 else f"{number:g} cores"


def _percent(share: float | None) -> str:
    share = share or 0.0
    # Rounded it would be what makes a side busy, and the label would seem wrong.
    return f"just under {BUSY_SHARE:.0%}" if share < BUSY_SHARE <= round(share, 2) else f"{share:.0%}"
