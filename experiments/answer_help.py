"""What would help: other settings, as threads see them, and what programs reach that are no contestants."""

from __future__ import annotations

from collections.abc import Callable

from experiments.answer_facts import COPY, PGBENCH, THREADS, Contest, Entrant, Facts
from experiments.answer_limits import SERVER, find_limit
from experiments.answer_words import describe_pool, describe_postgres, join_and, ratio_text, say_each
from experiments.wording import whole

# By less than that a cost is not said to differ.
_LEAST_DIFFERENCE = 0.1


def say_help(facts: Facts, main: Contest) -> str:
    """What other settings do to threads, what pgbench reaches of which they reach a part, and what COPY does."""
    parts = [_levers(facts, main), _pgbench(facts, main), _copy(facts, main)]
    known = " ".join(part for part in parts if part)
    return known or "Not measured: this campaign has no other pool size, no other PostgreSQL and no ceiling."


def _levers(facts: Facts, main: Contest) -> str:
    """What another pool size, or another PostgreSQL, does to threads."""
    pools = _lever(facts, main, "poolsize", describe_pool)
    servers = _lever(facts, main, "postgres", describe_postgres)
    parts = [part for part in (pools, servers) if part]
    return f"Threads load {'; and '.join(parts)}." if parts else ""


def _lever(facts: Facts, main: Contest, axis: str, describe: Callable[[Contest], str]) -> str:
    """The ratios of threads to threads in the main setting, where nothing but ``axis`` differs."""
    found: list[str] = []
    for contest in facts.contests:
        differs = [name for name, value in contest.setting.items() if value != main.setting.get(name)]
        threads = contest.entrants.get(THREADS)
        if differs == [axis] and threads is not None and threads.to_baseline is not None:
            ratio = ratio_text(threads.to_baseline, threads.to_baseline_noise)
            lead = "" if found else "times the rows "
            cost = _cheaper(threads, main.entrants.get(THREADS)) if axis == "postgres" else ""
            found.append(f"{ratio} {lead}with {describe(contest)}{cost}")
    return f"{join_and(found)} instead of {describe(main)}" if found else ""


def _cheaper(entrant: Entrant, usual: Entrant | None) -> str:
    """What a row costs PostgreSQL there, where its cores were the limit and that differs."""
    if usual is None or usual.server_us is None or entrant.server_us is None or find_limit(usual) != SERVER:
        return ""
    if entrant.to_baseline_noise or abs(entrant.server_us / usual.server_us - 1) < _LEAST_DIFFERENCE:
        return ""
    return f" ({entrant.server_us:.0f} µs of PostgreSQL for a row)"


def _pgbench(facts: Facts, main: Contest) -> str:
    shares = {name: one.ceiling_share for name, one in main.entrants.items() if one.ceiling_share is not None}
    if not shares:
        return ""
    rate = _rate_of(facts, main, PGBENCH)
    does = "" if rate is None else f" ({whole(rate)} rows/s)"
    reached = say_each({name: f"{share:.0%}" for name, share in shares.items()}, "reaches", "reach")
    return f"Of what pgbench does with the same statements from C{does}, {reached}."


def _copy(facts: Facts, main: Contest) -> str:
    rate, threads = _rate_of(facts, main, COPY), main.entrants.get(THREADS)
    if rate is None or threads is None:
        return ""
    factor = rate / threads.rows_per_s.value
    return f"COPY, which needs no statement per row, loads {whole(rate)} rows/s, {factor:.1f} times those of threads."


def _rate_of(facts: Facts, main: Contest, program: str) -> float | None:
    """What a program reached where the baseline ran, with the simple protocol, which all entrants speak, if it can."""
    alike = [axis for axis in main.setting if axis != "poolsize" or program == PGBENCH]
    rates = [
        (cell.get("protocol") != "simple", rate)
        for cell, rate in facts.ceilings.get(program, ())
        if all(cell.get(axis) == main.setting[axis] for axis in alike)
    ]
    return min(rates)[1] if rates else None
