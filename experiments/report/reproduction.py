"""Page of a reproduction: whether each published ratio was reproduced.

The noise floor is that of one campaign, and the change of a ratio has the noise of two. So some cells are not
reproduced although nothing has changed. Simulated (200,000 pairs of equal campaigns, normal noise): 7% for ten blocks,
5% for five, with a cell as noisy as the baseline; 24% and 18% twice as noisy, 2% and 1% a quarter as noisy. Less than
5% also have an interval that leaves out 1. Differences between two starts of a server come on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiments.analysis.comparison import ComparedCell, ComparedExperiment, Comparison
from experiments.analysis.differences import Difference
from experiments.analysis.stats import FEWEST_BLOCKS, format_floor, is_significant, with_interval
from experiments.formatting import count, format_known
from experiments.records.campaign import Campaign
from experiments.report.comparison import cell_table, describe_differences, describe_side
from experiments.report.labels import Style

PAGE = "reproduced.md"
"""The page's name in the campaign's folder."""

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
NO_RESULT = "no result"

LARGEST_FLOOR = 1.5
"""The largest noise floor that judges: one above it would call a change by half reproduced."""

EXPECTED = (
    "The noise of two campaigns is in *here to published*, that of one in the floor: where nothing has changed some 7% "
    "of the cells come out as not reproduced, and a quarter of those that are twice as noisy as the baseline. Where "
    "the interval holds 1 that may be chance."
)

_RATIOS = ("ratio published (95%)", "ratio here (95%)", "here to published (95%)")
HEADINGS = (*_RATIOS, "rows/s published", "rows/s here", "result")


def judge(cell: ComparedCell, experiment: ComparedExperiment) -> str:
    """Return 'reproduced', 'not reproduced', or 'no result: why'.

    Reproduced: ``|ln(now / published)|`` is at most the logarithm of the larger of the two campaigns' noise floors.
    """
    if cell.relative is None:
        return f"{NO_RESULT}: {cell.obstacle('published', 'here') or 'there is no ratio'}"
    if experiment.larger_floor is None:
        sides = {"published": experiment.floor_a, "here": experiment.floor_b}
        unknown = " and ".join(name for name, floor in sides.items() if floor is None)
        return f"{NO_RESULT}: no noise floor {unknown}, as that needs {FEWEST_BLOCKS} good blocks of the baseline"
    if experiment.larger_floor > LARGEST_FLOOR:
        return f"{NO_RESULT}: the noise floor of {format_floor(experiment.larger_floor)} hides even a change by half"
    reproduced = abs(math.log(cell.relative.value)) <= math.log(experiment.larger_floor)
    return REPRODUCED if reproduced else NOT_REPRODUCED


def write_reproduction(
    a: Campaign, b: Campaign, differences: Sequence[Difference], comparison: Comparison, style: Style = "pipe"
) -> str:
    """Write the whole page of a, published, and b, here; its last lines are the sum."""
    behind = describe_differences(differences, "published", "here")
    parts = [
        f"# {a.name} reproduced\n",
        f"- published: {describe_side(a)}\n- here: {describe_side(b)}\n",
        f"## What differs behind them\n\n{behind}",
        *(
            f"## {one.name}\n\n{one.question}\n\n"
            + cell_table([(cell.shown, _values(cell, one)) for cell in one.cells], HEADINGS, style)
            for one in comparison.experiments
        ),
        "## In sum\n\n" + "\n".join(f"- {line}" for line in sum_up(comparison)) + "\n",
    ]
    return "\n".join(parts)


def sum_up(comparison: Comparison) -> list[str]:
    """Count the reproduced cells, each once, with what that means."""
    judged = {
        (cell.axes, experiment.baseline): (cell, judge(cell, experiment))
        for experiment in comparison.experiments
        for cell in experiment.cells
        if _is_judged(cell)
    }
    if not judged:
        return ["There is nothing but the baseline: it has no ratio that could come out again."]
    results = [result for _, result in judged.values()]
    others = [cell for cell, result in judged.values() if result == NOT_REPRODUCED]
    floors = dict.fromkeys(map(_floors, comparison.experiments))
    none = sum(result.startswith(NO_RESULT) for result in results)
    differing = sum(cell.relative is not None and is_significant(cell.relative.p_value) for cell in others)
    beyond = f" (of {differing} the interval of *here to published* leaves out 1)" if others else ""
    return [
        "A published ratio to the baseline is reproduced where it lies within the noise floor of the one measured "
        f"here, the larger of the two campaigns' ({'; '.join(floors)}). Not reproduced is a finding, no failure.",
        EXPECTED,
        f"{results.count(REPRODUCED)} of {count(len(results), 'cell')} reproduced, {len(others)} not "
        f"reproduced{beyond}, {none} without a result.",
    ]


def _is_judged(cell: ComparedCell) -> bool:
    """Return whether it has a result: not the baseline, nor its second arm, which measures noise."""
    return not cell.baseline and cell.shown.arm == "a"


def _values(cell: ComparedCell, experiment: ComparedExperiment) -> list[str]:
    role = "baseline" if cell.baseline else "the baseline again"
    return [
        *("1" if cell.baseline else with_interval(ratio, ".2f") for ratio in (cell.ratio_a, cell.ratio_b)),
        with_interval(cell.relative, ".3f"),
        *(format_known(rate.value if rate else None, ",.0f") for rate in (cell.rows_per_s_a, cell.rows_per_s_b)),
        judge(cell, experiment) if _is_judged(cell) else role,
    ]


def _floors(experiment: ComparedExperiment) -> str:
    return f"{format_floor(experiment.floor_a)} published, {format_floor(experiment.floor_b)} here"
