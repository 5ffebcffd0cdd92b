"""Page that compares two campaigns: what differs behind them, a table per experiment, the sum."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import groupby

from experiments.analysis.comparison import ComparedCell, ComparedExperiment, Comparison
from experiments.analysis.counts import compare_counts
from experiments.analysis.differences import Difference, describe_difference
from experiments.analysis.stats import (
    FEWEST_BLOCKS,
    format_floor,
    interval_reach,
    mark_unless,
    median_of_known,
    with_interval,
)
from experiments.formatting import NOTHING, count, in_units, unit_of
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.report.counts import compared_counts
from experiments.report.labels import Style, label_of, lay_out, table_axes
from experiments.report.labels import headings as label_headings

HEADINGS = ("ratio in A (95%)", "ratio in B (95%)", "B relative to A (95%)", "rows/s with drift, B to A", "note")
HOW_TO_READ = """\
- **Ratio in A, ratio in B**: rows/s relative to the baseline of the same block and campaign, so that what the machine
  did meanwhile hits both. **B relative to A** is the quotient of the two, by Welch's test on the log scale (of ten
  blocks and more Yuen's, as those are trimmed means): a machine that was slower or faster in one of the campaigns as a
  whole does not show in it. In **rows/s with drift** it does show: that column compares the bare rows/s, and is all
  that can be said of the baseline itself.
- ≠ marks what differs significantly, all cells taken together (Holm, 5%); n.s. means not significant. The baseline
  again is the same program as the baseline: it is shown for its noise, and not counted.
- All ratios of a campaign share the noise of its baseline, so they are not independent: 5% is the average over many
  pairs of equal campaigns, and a single pair may well have far fewer, or many at once that differ in the same direction
  by about as much. Then it is the baseline that differs, rather than the cells, which its bare rows/s show. And each
  campaign starts its servers once: what a server has from one start to the next hits all blocks alike, and no interval
  holds it.
"""


def write_comparison(
    a: Campaign, b: Campaign, differences: Sequence[Difference], comparison: Comparison, style: Style = "pipe"
) -> str:
    """Write the whole page."""
    parts = [
        "# Two campaigns compared\n",
        f"- A: {describe_side(a)}\n- B: {describe_side(b)}\n",
        f"## What differs behind them\n\n{describe_differences(differences)}",
        *(
            f"## {experiment.name}\n\n{comparison_table(experiment, a, b, style)}"
            for experiment in comparison.experiments
        ),
        *([counts] if (counts := compared_counts(compare_counts(a, b), style)) else []),
        f"## How to read the tables\n\n{HOW_TO_READ}",
        "## In sum\n\n" + "\n".join(f"- {line}" for line in sum_up(a, b, comparison)) + "\n",
    ]
    return "\n".join(parts)


def describe_side(side: Campaign) -> str:
    """Describe a campaign in one line, with its missing runs."""
    described = side.description
    lacks = f"; unfinished, {count(side.missing, 'run')} missing" if side.missing else ""
    return f"`{described.campaign}`, begun {described.created_at}, {count(described.repeats, 'block')}{lacks}"


def describe_differences(differences: Sequence[Difference], a: str = "in A", b: str = "in B") -> str:
    """List the differences, the most severe first; ``a`` and ``b`` name the campaigns."""
    if not differences:
        return "Nothing that was recorded: host, configuration and software of the cells in both are the same.\n"
    lines = []
    for severity, group in groupby(differences, key=lambda one: one.severity):
        lines += [f"- {severity}:", *(f"  - {describe_difference(one, a, b)}" for one in group)]
    same = [name for name in ("host", "configuration") if name not in {one.severity for one in differences}]
    lines += [f"- the same in both: {' and '.join(same)}"] if same else []
    return "\n".join(lines) + "\n"


def comparison_table(experiment: ComparedExperiment, a: Campaign, b: Campaign, style: Style = "pipe") -> str:
    """Write the experiment's question, the noise floors and its table."""
    rows = [(cell.shown, _value_cells(cell, experiment, a, b)) for cell in experiment.cells]
    floors = f"{format_floor(experiment.floor_a)} in A, {format_floor(experiment.floor_b)} in B"
    return f"{experiment.question}\n\nNoise floor: {floors}.\n\n{cell_table(rows, HEADINGS, style)}"


def cell_table(rows: Sequence[tuple[ShownCell, Sequence[str]]], headings: Sequence[str], style: Style) -> str:
    """Lay out a table of cells: their labels, numbers, and words in the last column."""
    axes = table_axes([shown.cell for shown, _ in rows])
    texts = [[*label_of(shown.cell, axes), *values] for shown, values in rows]
    names = label_headings(axes)
    unit = unit_of(shown.cell.workload for shown, _ in rows)
    headings = [in_units(heading, unit) for heading in headings]
    return lay_out(texts, [*names, *headings], "l" * len(names) + "r" * (len(headings) - 1) + "l", style) + "\n"


def sum_up(a: Campaign, b: Campaign, comparison: Comparison) -> list[str]:
    """Sum the comparison up, with the cells that only one of the campaigns has."""
    cells = comparison.compared
    lines = [_count_differing(cells), _reach(cells), _direction(comparison)] if cells else [_why_nothing(a, b)]
    lines.append(_floors(comparison))
    alike = "Left out, as only ignored axes tell them apart: in {}"
    named = [
        *(("Only A has", comparison.only_a, b), ("Only B has", comparison.only_b, a)),
        *((alike.format("A"), comparison.ambiguous_a, b), (alike.format("B"), comparison.ambiguous_b, a)),
    ]
    return lines + [line for text, cells, other in named for line in describe_only(text, cells, [other.description])]


def _value_cells(cell: ComparedCell, experiment: ComparedExperiment, a: Campaign, b: Campaign) -> list[str]:
    significant = None if cell.adjusted_p is None else cell.differs
    is_one = cell.baseline and not any(cell.obstacles)
    return [
        *("1" if is_one else with_interval(ratio, ".2f") for ratio in (cell.ratio_a, cell.ratio_b)),
        "≠ " * (significant is True) + mark_unless(significant, with_interval(cell.relative, ".3f")),
        with_interval(cell.absolute, ".3f"),
        "; ".join(_notes(cell, experiment, a, b)),
    ]


def _notes(cell: ComparedCell, experiment: ComparedExperiment, a: Campaign, b: Campaign) -> Iterator[str]:
    if cell.baseline:
        yield "baseline"
    if cell.shown.arm == "b":
        yield "the baseline again"
    if obstacle := cell.obstacle("in A", "in B"):
        yield obstacle
        return
    if cell.differs_by_itself and not cell.differs:
        yield "would differ by itself (95%)"
    floor = experiment.larger_floor
    if cell.differs and floor is not None and cell.relative and 1 / floor <= cell.relative.value <= floor:
        yield "by less than the noise floor"
    for name, blocks, side in (("A", cell.blocks_a, a), ("B", cell.blocks_b, b)):
        if blocks < side.description.repeats:
            yield f"{blocks} of {side.description.repeats} blocks in {name}"


def _floors(comparison: Comparison) -> str:
    """List the noise floors of all experiments, equal ones once."""
    names: dict[str, list[str]] = {}
    for one in comparison.experiments:
        names.setdefault(f"{format_floor(one.floor_a)} in A and {format_floor(one.floor_b)} in B", []).append(one.name)
    listed = (f"{floors} ({', '.join(experiments)})" for floors, experiments in names.items())
    return f"Noise floors: {'; '.join(listed)}."


def _count_differing(cells: Sequence[ComparedCell]) -> str:
    differ = sum(cell.differs for cell in cells)
    alone = sum(cell.differs_by_itself for cell in cells)
    return (
        f"{differ} of {count(len(cells), 'cell')} {'differs' if differ == 1 else 'differ'} significantly (Holm, 5%), "
        f"{alone} of {len(cells)} at 95% each by itself (of equal campaigns 5%, averaged over many pairs)."
    )


def _reach(cells: Sequence[ComparedCell]) -> str:
    """Say how small a change the intervals could show."""
    reach = median_of_known(interval_reach(cell.relative) for cell in cells)
    return (
        f"The intervals of B relative to A reach {reach:.1%} to either side in the median: a smaller change is sooner "
        "missed than seen."
    )


def _direction(comparison: Comparison) -> str:
    """Count the changes to each side, with the baseline's own change, which is in all of them."""
    cells = comparison.compared
    above = sum(cell.relative is not None and cell.relative.value > 1 for cell in cells)
    every = [cell for experiment in comparison.experiments for cell in experiment.cells]
    baselines = {cell.axes: cell.absolute.value for cell in every if cell.baseline and cell.absolute}
    values = ", ".join(f"{value:.3f}" for value in baselines.values())
    others = statistics.median(cell.absolute.value for cell in cells if cell.absolute)
    return (
        f"Relative to the baseline {above} of {len(cells)} are faster in B than in A. B's bare rows/s are {values} "
        f"times A's for the baseline{'s' * (len(baselines) > 1)}, and {others:.3f} times in the median of these cells."
    )


def _why_nothing(a: Campaign, b: Campaign) -> str:
    blocks = f"A has {count(a.description.repeats, 'block')}, B {b.description.repeats}"
    needed = f"each cell needs {FEWEST_BLOCKS} good runs on either side, and few of its and its baseline's disturbed"
    return f"Nothing is called different: {blocks}; {needed}."


def describe_only(text: str, only: Sequence[ShownCell], others: Sequence[Description]) -> list[str]:
    """Return a line that names cells, told by what makes them unlike others; none without cells."""
    axes = table_axes([shown.cell for shown in only] + [shown.cell for other in others for shown in other.cells])
    named = "; ".join(_name(cell, axes) for cell in only)
    return [f"{text} {count(len(only), 'cell')}: {named}."] if only else []


def _name(shown: ShownCell, axes: Sequence[str]) -> str:
    named = dict(zip(label_headings(axes), label_of(shown.cell, axes), strict=True))
    loader = named.pop("loader", None) or label_of(shown.cell, ["loader"])[0]
    return ", ".join([loader, *(f"{name} {text}" for name, text in named.items() if text != NOTHING)])
