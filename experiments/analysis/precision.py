"""Precision of a campaign's ratios, and the end of a campaign with --until.

The reach of an interval is ``sqrt(high / low) - 1``, the same to both sides on the log scale.

Stopping at narrow intervals costs coverage. Where a single ratio decides, 95% intervals hold the true value in about
93% of campaigns that began with 10 blocks, as simulated (tests/experiments/test_stats_validation.py). Theory (Chow and
Robbins 1965, on sequential intervals of fixed width) promises 95% only in the limit of narrow intervals.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bigdata.registry import short_name
from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.stats import interval_reach
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import axis_value, count, duration
from experiments.records.description import Description
from experiments.records.record import Record

LOADER_AXES = ("loader", "loop", "protocol", "implementation")
"""Axes that one short name tells."""

# All intervals are narrow enough; another block would exceed the budget; too many runs failed for any interval.
PRECISE, BUDGET, NOTHING_TO_NARROW = "precise", "budget", "no intervals"


@dataclass(frozen=True)
class Precision:
    """Reach of the widest interval and its cell; None and '' without any. ``left_out`` cells ran and have none."""

    widest: float | None
    cell: str
    left_out: tuple[str, ...]

    def find_end(self, wanted: float) -> str | None:
        """Return why intervals that reach at most ``wanted`` need no other block; None where they do."""
        if self.widest is None:
            return NOTHING_TO_NARROW
        return PRECISE if self.widest <= wanted else None


def find_precision(summaries: Sequence[ExperimentSummary]) -> Precision:
    """Find the widest interval of all ratios, that of the baseline's second arm to its first among them."""
    found = [
        (f"{summary.experiment.name}: " * (len(summaries) > 1) + _name_of(cell, summary), interval_reach(cell.ratio))
        for summary in summaries
        for cell in summary.cells
        if not (cell.baseline or cell.shown.unsupported or is_ceiling(cell.shown.cell))
    ]
    reaches = {name: reach for name, reach in found if reach is not None}
    widest = max(reaches, key=lambda name: reaches[name], default="")
    return Precision(reaches.get(widest), widest, tuple(name for name, reach in found if reach is None))


def estimate_block_s(records: Sequence[Record]) -> float:
    """Add up the mean duration of the attempts of each cell and arm, in seconds."""
    attempts: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        if record.wall_s is not None and not record.interrupted:
            attempts[record.cell_key, record.arm].append(record.wall_s)
    return sum(statistics.fmean(seconds) for seconds in attempts.values())


def describe_until(description: Description, summaries: Sequence[ExperimentSummary]) -> str | None:
    """Say what --until asked for, how it ended, and the widest interval of these experiments; None without it."""
    until = description.until
    if until is None:
        return None
    found = find_precision(summaries)
    blocks, wanted = count(description.repeats, "block"), percentage(until["precision"])
    texts = {
        PRECISE: f"{blocks}: until the interval of every ratio reached at most {wanted} from it",
        BUDGET: f"{blocks}: the budget of {duration(until['budget_s'])} is spent before every interval reached at "
        f"most {wanted}",
        NOTHING_TO_NARROW: f"{blocks}, and no more until intervals reach at most {wanted}: no ratio has one",
    }
    unfinished = f"{blocks} so far, of a campaign until every interval reaches at most {wanted}"
    text = texts.get(str(until.get("ended")), unfinished)
    if found.widest is not None:
        here = " in this table" if len(summaries) < len(description.experiments) else ""
        text += f"; widest interval{here}: {found.widest:.1%} ({found.cell})"
    if found.left_out:
        text += f"; left out, as too few good runs leave no interval: {', '.join(found.left_out)}"
    return f"{text}."


def percentage(precision: float) -> str:
    """Format a precision: '5%', '0.5%'."""
    return f"{precision * 100:g}%"


def _name_of(cell: CellSummary, summary: ExperimentSummary) -> str:
    """Return what tells the cell from the others of its experiment: 'asyncpg · uvloop, 20'."""
    axes, one = summary.varying_axes, cell.shown.cell
    told = {axis: getattr(one, axis) for axis in LOADER_AXES[2:] if axis in axes}
    values = [short_name(one.loader, one.loop, **told)] if {*axes} & {*LOADER_AXES} else []
    others = (one.value(axis) for axis in axes if axis not in LOADER_AXES)
    values += [axis_value(value) for value in others if value is not None]
    again = ["the baseline again"] if cell.shown.arm == "b" else []
    return ", ".join([*values, *again])
