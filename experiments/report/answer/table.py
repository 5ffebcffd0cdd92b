"""The table of the answer: a row for each setting, threads' rows per second, and the others' ratios to these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from experiments.analysis.stats import with_interval
from experiments.formatting import NOTHING, axis_name, axis_value
from experiments.report.answer.facts import ASYNCIO, ENTRANTS, THREADS, UVLOOP, Contest, Entrant, Facts
from experiments.report.answer.words import name_verdicts, ratio_text

# In the order of the columns. An axis with the same value in all rows has none.
_AXES = ("engine", "resources", "postgres", "poolsize")

_HEADINGS = {
    "rows/s of threads": "right",
    "asyncio ÷ threads": "right",
    "uvloop ÷ threads": "right",
    "client CPU µs/row": "right",
    "verdict": "left",
    "of pgbench": "right",
}
NOTES = (
    "Ratios are to threads in the same row: means of the blocks' ratios on the logarithmic scale, not quotients of "
    "medians, with their 95% intervals. ≈ marks one that lies within the noise floor, or does not differ significantly "
    "from 1 (at 5%, by Holm's correction, for the setting of the baseline by itself and for all others together).",
    "Ratios in the experiment's own table are to its baseline, here they are to threads in the same row.",
    "Client CPU is what the Python process takes for a row: with threads / asyncio / uvloop.",
)
CEILING_NOTE = (
    "*Of pgbench* is what threads reach of its rows per second, with as many connections (a quotient of medians). "
    "Above 100%: when several statements arrive at once PostgreSQL wakes up less often for each."
)


def answer_table(facts: Facts) -> str:
    """The table as Markdown; columns without anything in them are left out."""
    # What the baseline has comes first, larger pools last.
    ordered = sorted(facts.contests, key=lambda contest: (not contest.main, int(contest.setting["poolsize"])))
    values = {axis: list(dict.fromkeys(contest.setting[axis] for contest in ordered)) for axis in _AXES}
    values["poolsize"].sort()
    axes = [axis for axis in _AXES if len(values[axis]) > 1]
    ordered = sorted(facts.contests, key=lambda one: [values[axis].index(one.setting[axis]) for axis in axes])
    rows = [
        {**{axis_name(axis): axis_value(contest.setting[axis]) for axis in axes}, **_columns(contest)}
        for contest in ordered
    ]
    empty = {name for name in _HEADINGS if all(row[name] == NOTHING for row in rows)}
    shown = [name for name in rows[0] if name not in empty] if rows else []
    align = [_HEADINGS.get(name, "left") for name in shown]
    cells = [[row[name] for name in shown] for row in rows]
    return tabulate(cells, shown, "pipe", colalign=align, disable_numparse=True) if rows else ""


def has_ceilings(facts: Facts) -> bool:
    """Whether the table says what part of the ceiling anybody reaches."""
    threads = [contest.entrants[THREADS] for contest in facts.contests if THREADS in contest.entrants]
    return any(one.ceiling_share is not None for one in threads)


def same_everywhere(facts: Facts) -> Mapping[str, Any]:
    """The values that all settings share, but those of axes that mean nothing here."""
    first = facts.contests[0].setting if facts.contests else {}
    return {
        axis: value
        for axis, value in first.items()
        if value is not None and all(contest.setting[axis] == value for contest in facts.contests)
    }


def _columns(contest: Contest) -> dict[str, str]:
    entrants = contest.entrants
    threads = entrants.get(THREADS)
    costs = [NOTHING if one is None or not one.client_us else f"{one.client_us:.1f}" for one in _each(entrants)]
    share = None if threads is None else threads.ceiling_share
    values = (
        NOTHING if threads is None else with_interval(threads.rows_per_s, ",.0f"),
        _ratio(entrants.get(ASYNCIO)),
        _ratio(entrants.get(UVLOOP)),
        NOTHING if set(costs) == {NOTHING} else " / ".join(costs),
        name_verdicts(contest) or NOTHING,
        NOTHING if share is None else f"{share:.0%}",
    )
    return dict(zip(_HEADINGS, values, strict=True))


def _each(entrants: Mapping[str, Entrant]) -> Sequence[Entrant | None]:
    return [entrants.get(name) for name in ENTRANTS.values()]


def _ratio(entrant: Entrant | None) -> str:
    return NOTHING if entrant is None else ratio_text(entrant.ratio, entrant.noise)
