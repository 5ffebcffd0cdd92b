"""Page that pools campaigns: what differs behind them, combined ratios by experiment, the sum."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from experiments.analysis.differences import Difference
from experiments.analysis.matching import ambiguous_cells, only_in
from experiments.analysis.pooling import Contribution, PooledCell, PooledExperiment, distinct_cells
from experiments.analysis.stats import adjust_holm, is_significant, mark_unless, with_interval
from experiments.formatting import NOTHING, count
from experiments.records.campaign import Campaign
from experiments.report.comparison import cell_table, describe_differences, describe_only, describe_side
from experiments.report.labels import Style

HOW_TO_READ = """\
- **Ratio in A** and so on: rows/s relative to the baseline of the same block and campaign. One that is `disturbed`, or
  has fewer than 5 blocks, is not in the combined ratio; **k** is the number of campaigns that are.
- **Combined ratio**: random effects (DerSimonian and Laird), as campaigns differ by more than their blocks. Its
  interval (Hartung and Knapp, never narrower than the blocks alone make it) has k - 1 degrees of freedom. With k = 2 it
  reaches 12.7 standard errors to either side, with 3 4.3, with 5 2.8: two campaigns alone show little, however precise.
- ≠ marks what differs significantly from 1, all cells taken together (Holm, 5%); n.s. means not significant.
- **If campaigns do not differ**: the ratio and interval of a common effect, from blocks alone. It holds only if the
  campaigns have the same true ratio, which few campaigns cannot show, and is not what ≠ and n.s. go by.
- **Between campaigns**: tau, the standard deviation of the campaigns' true ratios, as a factor, and I², the share of
  their variance that is not chance within them. With few campaigns both are rough, and 1.00x does not prove that they
  are equal.
"""


def letter(place: int) -> str:
    """Return the name of a campaign by its place: A to Z, then A1."""
    return chr(ord("A") + place % 26) + (str(place // 26) if place > 25 else "")


def write_pooling(
    campaigns: Sequence[Campaign],
    differences: Mapping[tuple[int, int], Sequence[Difference]],
    experiments: Sequence[PooledExperiment],
    ignored: Sequence[str] = (),
    style: Style = "pipe",
) -> str:
    """Write the whole page; ``differences`` are by the places of two campaigns."""
    sides = "".join(f"- {letter(place)}: {describe_side(side)}\n" for place, side in enumerate(campaigns))
    behind = "\n".join(_describe_behind(letter(a), letter(b), found) for (a, b), found in differences.items())
    parts = [
        f"# {len(campaigns)} campaigns pooled\n",
        sides,
        f"## What differs behind them\n\n{behind}",
        *(f"## {one.name}\n\n{one.question}\n\n{pooled_table(one, style)}" for one in experiments),
        f"## How to read the tables\n\n{HOW_TO_READ}",
        "## In sum\n\n" + "\n".join(f"- {line}" for line in sum_up(campaigns, experiments, ignored)) + "\n",
    ]
    return "\n".join(parts)


def pooled_table(experiment: PooledExperiment, style: Style = "pipe") -> str:
    """Write the table of an experiment."""
    letters = [letter(place) for place in range(len(experiment.cells[0].sides))]
    headings = [
        *(f"ratio in {name} (95%)" for name in letters),
        *("combined ratio (95%)", "k", "between campaigns", "if campaigns do not differ (95%)", "note"),
    ]
    return cell_table([(cell.shown, _values(cell)) for cell in experiment.cells], headings, style)


def sum_up(
    campaigns: Sequence[Campaign], experiments: Sequence[PooledExperiment], ignored: Sequence[str] = ()
) -> list[str]:
    """Sum the pooling up, with what is not in it."""
    cells = list(distinct_cells(experiments).values())
    lines = [*_count_differing(cells), *_variation(cells)] if cells else ["No cell has two campaigns that contribute."]
    lines += _left_out(experiments)
    for place, side in enumerate(campaigns):
        described = side.description
        others = [other.description for other in campaigns if other is not side]
        lines += describe_only(f"Only {letter(place)} has", only_in(described, others, ignored), others)
        alike = f"Left out, as only ignored axes tell them apart: in {letter(place)}"
        lines += describe_only(alike, ambiguous_cells(described, ignored), others)
    return lines


def _describe_behind(a: str, b: str, found: Sequence[Difference]) -> str:
    return f"{a} and {b}:\n\n{describe_differences(found, f'in {a}', f'in {b}')}"


def _values(cell: PooledCell) -> list[str]:
    significant = None if cell.adjusted_p is None else cell.differs
    pooled = cell.pooled
    return [
        *(_ratio(cell, side) for side in cell.sides),
        "≠ " * (significant is True) + mark_unless(significant, with_interval(pooled.ratio if pooled else None, ".2f")),
        NOTHING if cell.baseline else str(cell.k),
        f"{_factor(pooled.tau)}, I² {pooled.i_squared:.0%}" if pooled else NOTHING,
        with_interval(pooled.common if pooled else None, ".2f"),
        "; ".join(_notes(cell)),
    ]


def _ratio(cell: PooledCell, side: Contribution | None) -> str:
    if side is None:
        return NOTHING
    if cell.baseline:
        return "1"
    disturbed = side.obstacle == "disturbed" and side.ratio is not None
    return with_interval(side.ratio, ".2f") + " disturbed" * disturbed


def _notes(cell: PooledCell) -> Iterator[str]:
    if cell.baseline:
        yield "baseline"
    if cell.shown.arm == "b":
        yield "the baseline again"
    for place, side in enumerate(cell.sides):
        if side and side.obstacle and (side.ratio is None or side.obstacle != "disturbed"):
            yield f"{letter(place)}: {side.obstacle}"


def _count_differing(cells: Sequence[PooledCell]) -> Iterator[str]:
    total = count(len(cells), "cell")
    differ = sum(cell.differs for cell in cells)
    yield f"{differ} of {total} {'differs' if differ == 1 else 'differ'} significantly from the baseline (Holm, 5%)."
    common = adjust_holm([cell.pooled.common.p_value for cell in cells if cell.pooled])
    yield f"If campaigns do not differ: {sum(map(is_significant, common))} of {total}."
    numbers = Counter(cell.k for cell in cells)
    listed = ", ".join(f"{number} from {k} campaigns" for k, number in sorted(numbers.items()))
    few = "; two campaigns leave 1 degree of freedom, so that only large differences are significant: pool more"
    yield f"Combined ratios: {listed}{few * (2 in numbers)}."


def _variation(cells: Sequence[PooledCell]) -> Iterator[str]:
    taus = [cell.pooled.tau for cell in cells if cell.pooled]
    yield (
        f"Between campaigns a ratio varies by {_factor(statistics.median(taus))} in the median of the cells, "
        f"and by {_factor(max(taus))} at most (tau)."
    )


def _left_out(experiments: Sequence[PooledExperiment]) -> Iterator[str]:
    """Count the ratios that do not enter, by campaign and reason."""
    reasons = Counter(
        (place, side.obstacle)
        for experiment in experiments
        for cell in experiment.cells
        for place, side in enumerate(cell.sides)
        if side and side.obstacle and not cell.baseline
    )
    for (place, obstacle), number in sorted(reasons.items()):
        yield f"Not in the combined ratios: {count(number, 'row')} of {letter(place)}, {obstacle}."


def _factor(tau: float) -> str:
    return f"{math.exp(tau):.2f}x"
