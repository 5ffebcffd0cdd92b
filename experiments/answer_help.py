"""What would help: other settings, as the baseline's loader sees them, and what programs reach that do not contest."""

from __future__ import annotations

from collections.abc import Callable

from experiments.answer_facts import COPY, PGBENCH, THREADS, Contest, Facts
from experiments.answer_words import (
    begin,
    describe_pool,
    describe_postgres,
    describe_setting,
    join_and,
    ratio_text,
    say_each,
)
from experiments.stats import Estimate
from experiments.wording import whole


def say_help(facts: Facts, main: Contest) -> str:
    """What other settings do to the baseline's loader, what part of pgbench's rate is reached, and what COPY does."""
    parts = [_levers(facts, main), _pgbench(facts, main), _copy(facts, main)]
    known = " ".join(part for part in parts if part)
    return known or "Not measured: this campaign has no other pool size, no other PostgreSQL and no ceiling."


def _levers(facts: Facts, main: Contest) -> str:
    """What another pool size, or another PostgreSQL, does to the loader that is the baseline."""
    if facts.baseline is None:
        return ""
    pools = _lever(facts, main, facts.baseline, "poolsize", lambda contest: str(contest.setting["poolsize"]))
    servers = _lever(facts, main, facts.baseline, "postgres", describe_postgres)
    instead = {pools: describe_pool(main), servers: describe_postgres(main)}
    parts = [f"{lever} instead of {usual}" for lever, usual in instead.items() if lever]
    if not parts:
        return ""
    verb = "load" if facts.baseline == THREADS else "loads"
    return f"{begin(facts.baseline)} {verb} {', and '.join(parts)}{_both(facts, main, facts.baseline)}."


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
    return f"; both together, {describe_setting(best)}, make it {ratio_text(ratio, False)}"


def _to_baseline(contest: Contest, name: str) -> Estimate | None:
    entrant = contest.entrants.get(name)
    return None if entrant is None else entrant.to_baseline


def _lever(facts: Facts, main: Contest, name: str, axis: str, describe: Callable[[Contest], str]) -> str:
    """The ratios of the baseline's loader to itself in the main setting, where nothing but ``axis`` differs."""
    found: list[str] = []
    for contest in facts.contests:
        differs = [other for other, value in contest.setting.items() if value != main.setting.get(other)]
        entrant = contest.entrants.get(name)
        if differs == [axis] and entrant is not None and entrant.to_baseline is not None:
            ratio = ratio_text(entrant.to_baseline, entrant.to_baseline_noise)
            found.append(f"{ratio} {'' if found else 'times the rows '}with {describe(contest)}")
    return join_and(found) if found else ""


def _pgbench(facts: Facts, main: Contest) -> str:
    shares = {name: one.ceiling_share for name, one in main.entrants.items() if one.ceiling_share is not None}
    if not shares:
        return ""
    rate = _rate_of(facts, main, PGBENCH)
    does = "" if rate is None else f" ({whole(rate)} rows/s)"
    reached = say_each({name: f"{share:.0%}" for name, share in shares.items()}, "reaches", "reach")
    return f"Of what pgbench does with the same statements{does}, {reached}."


def _copy(facts: Facts, main: Contest) -> str:
    rate, threads = _rate_of(facts, main, COPY), main.entrants.get(THREADS)
    if rate is None or threads is None:
        return ""
    factor = rate / threads.rows_per_s.value
    return f"COPY, one statement for all rows, loads {whole(rate)} rows/s, {factor:.1f} times those of threads."


def _rate_of(facts: Facts, main: Contest, program: str) -> float | None:
    """What a program reached where the baseline ran, with the simple protocol, which all entrants speak, if it can."""
    alike = [axis for axis in main.setting if axis != "poolsize" or program == PGBENCH]
    rates = [
        (cell.get("protocol") != "simple", rate)
        for cell, rate in facts.ceilings.get(program, ())
        if all(cell.get(axis) == main.setting[axis] for axis in alike)
    ]
    return min(rates)[1] if rates else None
