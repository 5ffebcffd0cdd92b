"""Whether published numbers came out again: the verdict of each cell, and the page that shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiments.compare import ComparedCell, ComparedExperiment, Comparison, Measured
from experiments.compare_table import Style, describe_differences, describe_side, lay_out
from experiments.differences import Difference
from experiments.stats import FEWEST_BLOCKS, Estimate
from experiments.wording import NOTHING, count, with_interval

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
NO_VERDICT = "no verdict"

HEADINGS = (
    "ratio published (95%)",
    "ratio here (95%)",
    "here to published",
    "rows/s published",
    "rows/s here",
    "verdict",
)


def judge(cell: ComparedCell, experiment: ComparedExperiment) -> str:
    """'reproduced', 'not reproduced', or 'no verdict: why'.

    A published ratio is reproduced where it lies within the noise floor of the one that was measured now:
    ``|ln(now / published)|`` is at most the logarithm of the larger of the two campaigns' noise floors.
    """
    change = change_of(cell)
    if change is None:
        return f"{NO_VERDICT}: {cell.obstacle('published', 'here') or 'there is no ratio'}"
    if experiment.larger_floor is None:
        sides = {"published": experiment.floor_a, "here": experiment.floor_b}
        unknown = " and ".join(name for name, floor in sides.items() if floor is None)
        return f"{NO_VERDICT}: no noise floor {unknown}, as that needs {FEWEST_BLOCKS} good blocks of the baseline"
    return REPRODUCED if abs(math.log(change)) <= math.log(experiment.larger_floor) else NOT_REPRODUCED


def change_of(cell: ComparedCell) -> float | None:
    """The ratio to the baseline that was measured now, divided by the published one."""
    return None if cell.ratio_a is None or cell.ratio_b is None else cell.ratio_b.value / cell.ratio_a.value


def write_reproduction(
    published: Measured,
    here: Measured,
    differences: Sequence[Difference],
    comparison: Comparison,
    style: Style = "pipe",
) -> str:
    """The whole page; its last lines are the sum."""
    behind = describe_differences(differences, "published", "here")
    parts = [
        f"# {published.name} reproduced\n",
        f"- published: {describe_side(published)}\n- here: {describe_side(here)}\n",
        f"## What differs behind them\n\n{behind}",
        *(f"## {one.name}\n\n{one.question}\n\n{_table(one, style)}" for one in comparison.experiments),
        "## In sum\n\n" + "\n".join(f"- {line}" for line in sum_up(comparison)) + "\n",
    ]
    return "\n".join(parts)


def sum_up(comparison: Comparison) -> list[str]:
    """How many cells were reproduced, each counted once in however many experiments it shows; and what that means."""
    verdicts: dict[object, str] = {}
    floors: dict[str, None] = {}
    for experiment in comparison.experiments:
        floors[_floors(experiment)] = None
        for cell in experiment.cells:
            if _is_judged(cell):
                verdicts[(cell.axes, experiment.baseline)] = judge(cell, experiment)
    found = list(verdicts.values())
    none = sum(verdict.startswith(NO_VERDICT) for verdict in found)
    lines = [
        "A published ratio to the baseline is reproduced where it lies within the noise floor of the one measured "
        f"here, the larger of the two campaigns' ({'; '.join(floors)}). Not reproduced is a finding, no failure.",
        f"{found.count(REPRODUCED)} of {count(len(found), 'cell')} reproduced, {found.count(NOT_REPRODUCED)} not "
        f"reproduced, {none} without a verdict.",
    ]
    return lines if found else ["There is nothing but the baseline: it has no ratio that could come out again."]


def _is_judged(cell: ComparedCell) -> bool:
    """The baseline has no ratio to itself, and its second arm has one for the noise alone."""
    return not cell.baseline and cell.shown.arm == "a"


def _table(experiment: ComparedExperiment, style: Style) -> str:
    rows = [(cell.shown, _values(cell, experiment)) for cell in experiment.cells]
    return lay_out(rows, HEADINGS, style)


def _values(cell: ComparedCell, experiment: ComparedExperiment) -> list[str]:
    change = change_of(cell)
    role = "baseline" if cell.baseline else "the baseline again"
    return [
        *("1" if cell.baseline else _estimate(ratio, ".2f") for ratio in (cell.ratio_a, cell.ratio_b)),
        NOTHING if change is None or cell.baseline else f"{change:.3f}",
        *(NOTHING if rate is None else f"{rate.value:,.0f}" for rate in (cell.rows_per_s_a, cell.rows_per_s_b)),
        judge(cell, experiment) if _is_judged(cell) else role,
    ]


def _estimate(estimate: Estimate | None, form: str) -> str:
    return NOTHING if estimate is None else with_interval(estimate, form)


def _floors(experiment: ComparedExperiment) -> str:
    texts = ["not known" if floor is None else f"{floor - 1:.1%}" for floor in (experiment.floor_a, experiment.floor_b)]
    return f"{texts[0]} published, {texts[1]} here"
