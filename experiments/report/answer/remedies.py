"""What would help: other settings, as the baseline's loader sees them, and what programs reach that do not contest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.ceilings import COPY, PGBENCH
from experiments.analysis.stats import Estimate
from experiments.formatting import whole
from experiments.report.answer.facts import THREADS, Contest, Facts
from experiments.report.answer.words import (
    begin,
    describe_pool,
    describe_postgres,
    describe_setting,
    join_and,
    ratio_text,
    say_each,
)

# A row that costs that many times as much explains fewer rows.
_DEARER = 1.1


RISKS: Mapping[str, str] = {
    "async_commit": "a crash loses the last moments",
    "fsync_off": "a crash may lose the database: never in production",
}
"""What is paid for not waiting for the disk, by the configurations of the shipped matrix."""


def say_help(facts: Facts, main: Contest) -> str:
    """What helps most comes first: COPY, then another PostgreSQL, then another pool size; last how far pgbench is."""
    parts = [_copy(facts, main), _servers(facts, main), _pools(facts, main), _pgbench(facts, main)]
    known = " ".join(part for part in parts if part)
    return known or "Not measured: this campaign has no other pool size, no other PostgreSQL and no ceiling."


def _servers(facts: Facts, main: Contest) -> str:
    """What another PostgreSQL does to the loader that is the baseline, and what that risks."""
    name = facts.baseline
    found: list[_Tried] = [] if name is None else _tried(facts, main, name, "postgres")
    if name is None or not found:
        return ""
    told = _list_ratios(found, lambda contest: f"{describe_postgres(contest)}{_risk(contest)}")
    spared = main.durable and all(not one.contest.durable for one in found)
    start = "Not waiting for the disk: " if spared else ""
    instead = "" if spared else f" instead of {describe_postgres(main)}"
    return begin(f"{start}{name} {_load(name)} {told}{instead}{_both(facts, main, name)}.")


def _list_ratios(found: Sequence[_Tried], describe: Callable[[Contest], str]) -> str:
    """'1.3 (1.1 to 1.5) times the rows with this and 1.2 (1.0 to 1.4) with that'."""
    return join_and(
        [
            f"{ratio_text(one.ratio, one.noise)} {'' if place else 'times the rows '}with {describe(one.contest)}"
            for place, one in enumerate(found)
        ]
    )


def _risk(contest: Contest) -> str:
    risk = RISKS.get(str(contest.setting["postgres"]))
    return "" if risk is None or contest.durable else f" ({risk})"


def _pools(facts: Facts, main: Contest) -> str:
    """What other pool sizes do, and what a row costs PostgreSQL with more connections where that is more."""
    name = facts.baseline
    found: list[_Tried] = [] if name is None else _tried(facts, main, name, "poolsize")
    if name is None or not found:
        return ""
    told = _list_ratios(found, lambda contest: str(_pool(contest)))
    none = (
        f"on {describe_postgres(main)} no other pool size is seen to help: "
        if all(one.ratio.value < 1 for one in found)
        else ""
    )
    text = f"{none}{name} {_load(name)} {told} instead of {describe_pool(main)}"
    return begin(f"{text}{_why_not_more(main, found, name)}.")


def _why_not_more(main: Contest, found: Sequence[_Tried], name: str) -> str:
    """What a row costs PostgreSQL with the most connections, where that is more."""
    most = max((one.contest for one in found), key=_pool)
    costs = [one.entrants[name].server_us if name in one.entrants else None for one in (main, most)]
    usual, more = costs
    if not usual or not more or _pool(most) < _pool(main) or more < usual * _DEARER:
        return ""
    return f"; with {_pool(most)} a row costs PostgreSQL {more:.0f} µs instead of {usual:.0f}"


def _pool(contest: Contest) -> int:
    return int(contest.setting["poolsize"])


def _load(name: str) -> str:
    return "load" if name == THREADS else "loads"


@dataclass(frozen=True)
class _Tried:
    """Another setting, with the ratio of the baseline's loader to itself in the main one."""

    contest: Contest
    ratio: Estimate
    noise: bool | None


def _tried(facts: Facts, main: Contest, name: str, axis: str) -> list[_Tried]:
    """The settings that differ in nothing but ``axis``, the most rows first."""
    found: list[_Tried] = []
    for contest in facts.contests:
        differs = [other for other, value in contest.setting.items() if value != main.setting.get(other)]
        entrant = contest.entrants.get(name)
        if differs == [axis] and entrant is not None and entrant.to_baseline is not None:
            found.append(_Tried(contest, entrant.to_baseline, entrant.to_baseline_noise))
    return sorted(found, key=lambda one: -one.ratio.value)


def _both(facts: Facts, main: Contest, name: str) -> str:
    """Where both together, another pool size and another PostgreSQL, do more than any setting that changes one."""
    alike = [axis for axis in main.setting if axis not in ("poolsize", "postgres")]
    tried = [one for one in facts.contests if all(one.setting[axis] == main.setting[axis] for axis in alike)]
    found = [(ratio.value, one) for one in tried if (ratio := _to_baseline(one, name)) is not None]
    value, best = max(found, key=lambda one: one[0], default=(0.0, main))
    ratio, entrant = _to_baseline(best, name), best.entrants.get(name)
    both = all(best.setting[axis] != main.setting[axis] for axis in ("poolsize", "postgres"))
    if ratio is None or entrant is None or entrant.to_baseline_noise is not False or value <= 1 or not both:
        return ""
    return f", and {ratio_text(ratio, False)} with {describe_setting(best)}"


def _to_baseline(contest: Contest, name: str) -> Estimate | None:
    entrant = contest.entrants.get(name)
    return None if entrant is None else entrant.to_baseline


def _pgbench(facts: Facts, main: Contest) -> str:
    """What is left to a program in C that sends the same: block by block where there are pairs."""
    shares = {
        name: f"{one.ceiling_share:.0%}" if one.to_ceiling is None else ratio_text(one.to_ceiling, one.to_ceiling_noise)
        for name, one in main.entrants.items()
        if one.ceiling_share is not None
    }
    if not shares:
        return ""
    rate = _rate_of(facts, main, PGBENCH)
    does = "" if rate is None else f" ({whole(rate)} rows/s)"
    paired = all(main.entrants[name].to_ceiling is not None for name in shares)
    of = "times the rows of pgbench, which sends the same statements from C" if paired else "of what pgbench does"
    verb = ("loads", "load") if paired else ("reaches", "reach")
    return begin(f"{say_each(shares, *verb)} {of}{does}.")


def _copy(facts: Facts, main: Contest) -> str:
    rate, threads = _rate_of(facts, main, COPY), main.entrants.get(THREADS)
    if rate is None or threads is None:
        return ""
    factor = rate / threads.rows_per_s.value
    return f"COPY, all rows in one statement: {whole(rate)} rows/s, {factor:.1f} times those of threads."


def _rate_of(facts: Facts, main: Contest, program: str) -> float | None:
    """What a program reached where the baseline ran, with the simple protocol, which all entrants speak, if it can."""
    alike = [axis for axis in main.setting if axis != "poolsize" or program == PGBENCH]
    rates = [
        (cell.protocol != "simple", rate)
        for cell, rate in facts.ceilings.get(program, ())
        if all(cell.value(axis) == main.setting[axis] for axis in alike)
    ]
    return min(rates)[1] if rates else None
