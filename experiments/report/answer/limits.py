"""Which side ends first, and what follows from that where it was not measured: the utilisation law, in words."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.analysis.stats import Estimate, with_interval
from experiments.analysis.verdict import BUSY_SHARE
from experiments.report.answer.facts import THREADS, Contest, Entrant
from experiments.report.answer.words import cost_limits, describe_pool, join_and, say_each, span

CLIENT, SERVER = "client", "server"

_WHOSE: Mapping[str | None, str] = {CLIENT: "Python", SERVER: "PostgreSQL", None: "neither"}
_WAITING = ("commit-bound", "latency-bound")


def find_limit(entrant: Entrant) -> str | None:
    """Which side ends first: by the verdict, else by how busy its cores are; None where it is neither by itself."""
    if entrant.label is not None:
        return {"client-bound": CLIENT, "server-bound": SERVER}.get(entrant.label)
    shares = {CLIENT: entrant.client_share or 0.0, SERVER: entrant.server_share or 0.0}
    side = max(shares, key=lambda one: shares[one])
    return side if shares[side] >= BUSY_SHARE else None


def say_limits(main: Contest) -> str:
    """What either side could do by itself, cores / CPU time per row, and whose limit that is."""
    could = (
        f"At these costs (medians of this campaign, with {describe_pool(main)}) Python alone could do "
        f"{_could(main, CLIENT)} rows/s, PostgreSQL {_could(main, SERVER)}"
    )
    if main.setup.shared:
        return f"{could}, each with the cores for itself, which they share."
    whose = {name: find_limit(one) for name, one in main.entrants.items()}
    sides = set(whose.values())
    if sides == {SERVER}:
        return f"{could}: PostgreSQL is the bottleneck, {_same_for_all(main)}."
    if sides == {CLIENT}:
        return f"{could}: Python is the bottleneck, so that the CPU time of a row decides."
    if sides == {None}:
        return f"{could}: neither is the bottleneck{_instead(main)}."
    parts = [
        f"{_WHOSE[side]} with {join_and([name for name, one in whose.items() if one == side])}"
        for side in (CLIENT, SERVER, None)
        if side in sides
    ]
    return f"{could}: the bottleneck is {join_and(parts)}."


def foretell(main: Contest, *, tried: bool = False, decided: bool = False) -> str:
    """Where Python would become the limit, by the costs. ``tried``: there were runs with a fraction of a core.

    ``decided``: in some of them it was everybody's limit, so that who wins then is measured and not foretold.
    """
    missing = "" if tried else "No run of this campaign had a fraction of a core (it takes the docker engine). "
    needed = _thresholds(main)
    if not needed:
        return missing.rstrip()
    if all(find_limit(one) == CLIENT for one in main.entrants.values()):
        return f"{missing}Python is the limit even with a whole core."
    unit = {next(iter(needed)): " of a core"}
    told = [f"{share:.2f}{unit.get(name, '')} with {name}" for name, share in needed.items()]
    text = f"{missing}By the costs above Python becomes the limit below about {join_and(told)}"
    ratios = {
        name: with_interval(_turned(one.cpu_ratio), ".2f") for name, one in main.entrants.items() if one.cpu_ratio
    }
    if decided or not ratios:
        return f"{text}."
    return f"{text}; below all of these {say_each(ratios, 'would load')} times the rows of threads."


def foretell_servers(main: Contest) -> str:
    """With how many cores of server for each of Python's that would be the limit, by the costs."""
    needed = [main.setup.server_limit / share for share in _thresholds(main).values()]
    # Below one core each it is the limit already.
    busy = all(find_limit(one) == SERVER for one in main.entrants.values())
    if not busy or not needed or min(needed) <= 1:
        return ""
    return (
        f"Python would also be the limit with more than about {span(needed, '.1f')} PostgreSQL cores to one of its "
        "(predicted, not measured; `nox -s predict` answers for your cores and round trip)."
    )


def _thresholds(main: Contest) -> dict[str, float]:
    """The part of a core that Python needs to do as much as with a whole one; nothing where costs are nobody's.

    Where PostgreSQL is the limit that follows from the costs of either side, else it is what Python used.
    """
    # Costs of cores that others used, too.
    disturbed = any(one.label == "host-saturated" for one in main.entrants.values())
    if THREADS not in main.entrants or main.setup.client_limit != 1 or main.setup.shared or disturbed:
        return {}
    needed = {
        name: costs * main.setup.server_limit
        if find_limit(main.entrants[name]) == SERVER
        else main.entrants[name].client_share or 0.0
        for name, costs in cost_limits(main).items()
    }
    needed = {name: share for name, share in needed.items() if share > 0}
    return needed if len(needed) > 1 else {}


def _turned(costs: Estimate) -> Estimate:
    """The rows for the same CPU time, where a row costs so many times as much."""
    low, high = (None if end is None else 1 / end for end in (costs.high, costs.low))
    return Estimate(1 / costs.value, low, high)


def _same_for_all(main: Contest) -> str:
    """What a limit on the other side means for Python; that nothing of it shows only where nothing is told apart."""
    compared = [one.noise for one in main.entrants.values() if one.ratio is not None]
    hidden = compared and all(noise is True for noise in compared)
    return f"whoever asks{', so that what a row costs Python does not show beyond the noise' if hidden else ''}"


def _instead(main: Contest) -> str:
    """What holds a row back where no side does."""
    if main.setting["poolsize"] == 1:
        return ", as one connection has them take turns"
    waits = all(one.label in _WAITING for one in main.entrants.values())
    return ", but what the connections wait for" if waits else " by itself"


def _could(main: Contest, side: str) -> str:
    limit = main.setup.client_limit if side == CLIENT else main.setup.server_limit
    costs = [one.client_us if side == CLIENT else one.server_us for one in main.entrants.values()]
    return span([round(limit * 1e6 / cost, -2) for cost in costs if cost], ",.0f")
