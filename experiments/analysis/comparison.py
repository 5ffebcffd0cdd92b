"""Comparison of two campaigns: how the ratio of each common cell to the baseline has changed.

Each campaign's ratios are paired within its own blocks, so that a drift of the machine between the campaigns cancels;
the two sets of ratios share no blocks, and are compared by Welch's test on trimmed means (``stats``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.differences import Difference, find_differences_between, join_parts
from experiments.analysis.good_runs import paired
from experiments.analysis.matching import Key, Pair, ambiguous_cells, match_cells, only_in, pair_cells
from experiments.analysis.stats import Estimate, adjust_holm, estimate_unpaired_ratio, is_significant
from experiments.analysis.summary import CellSummary, ExperimentSummary, summarize
from experiments.records.campaign import Campaign
from experiments.records.description import ShownCell, part_key, part_name
from experiments.records.record import Cell


@dataclass(frozen=True)
class ComparedCell:
    """A cell and arm of one experiment in campaigns ``a`` and ``b``, as ``shown`` in b; estimates may be unknown.

    ``relative`` is the ratio to the baseline in b divided by that in a, and None of the baseline itself. ``absolute``
    are rows/s in b divided by those in a, which includes the machine's drift. ``blocks_a`` and ``blocks_b`` are numbers
    of good runs, ``obstacles`` the reasons in a and in b for no comparison. ``adjusted_p`` is that of ``relative`` by
    Holm for all compared cells.
    """

    shown: ShownCell
    axes: Cell
    baseline: bool
    rows_per_s_a: Estimate | None
    rows_per_s_b: Estimate | None
    ratio_a: Estimate | None
    ratio_b: Estimate | None
    relative: Estimate | None
    absolute: Estimate | None
    blocks_a: int
    blocks_b: int
    obstacles: tuple[str | None, str | None] = (None, None)
    adjusted_p: float | None = None

    def obstacle(self, a: str, b: str) -> str | None:
        """Return why there is nothing to compare, with names of the campaigns; None where there is something."""
        if self.obstacles[0] == self.obstacles[1]:
            return self.obstacles[0]
        return "; ".join(f"{name}: {why}" for name, why in zip((a, b), self.obstacles, strict=True) if why)

    @property
    def differs(self) -> bool:
        """Return whether it differs significantly, all cells taken together."""
        return is_significant(self.adjusted_p)

    @property
    def differs_by_itself(self) -> bool:
        """Return whether its own 95% interval leaves out 1."""
        return self.adjusted_p is not None and self.relative is not None and is_significant(self.relative.p_value)


@dataclass(frozen=True)
class ComparedExperiment:
    """An experiment in common with its cells in common, in the order of ``b``; the noise floors are factors above 1."""

    name: str
    question: str
    baseline: Cell | None
    cells: tuple[ComparedCell, ...]
    floor_a: float | None
    floor_b: float | None

    @property
    def larger_floor(self) -> float | None:
        """Return the larger of the two noise floors, None unless both are known."""
        return None if self.floor_a is None or self.floor_b is None else max(self.floor_a, self.floor_b)


@dataclass(frozen=True)
class Comparison:
    """All experiments in common, and the cells that only one of the campaigns has.

    ``ambiguous_a`` and ``ambiguous_b`` are cells that only ignored axes tell apart.
    """

    experiments: tuple[ComparedExperiment, ...]
    only_a: tuple[ShownCell, ...]
    only_b: tuple[ShownCell, ...]
    ambiguous_a: tuple[ShownCell, ...] = ()
    ambiguous_b: tuple[ShownCell, ...] = ()

    @property
    def compared(self) -> list[ComparedCell]:
        """Return each compared cell once, whatever the number of its experiments: Holm's family."""
        distinct = {
            (cell.axes, experiment.baseline): cell
            for experiment in self.experiments
            for cell in experiment.cells
            if cell.adjusted_p is not None
        }
        return list(distinct.values())


def compare_campaigns(a: Campaign, b: Campaign, ignored: Sequence[str] = ()) -> Comparison:
    """Compare what is in common. Cells are the same by their axes: their keys change with the loader's source."""
    theirs = {shown.name: shown for shown in a.description.experiments}
    experiments = [
        _compare_experiment(summarize(a, theirs[shown.name]), summarize(b, shown), ignored)
        for shown in b.description.experiments
        if shown.name in theirs
    ]
    with_cells = [experiment for experiment in experiments if experiment.cells]
    sides = (a.description, b.description)
    only = (only_in(sides[0], sides[1:], ignored), only_in(sides[1], sides[:1], ignored))
    return Comparison(tuple(_adjust(with_cells)), *only, *(ambiguous_cells(side, ignored) for side in sides))


def find_differences(a: Campaign, b: Campaign, ignored: Sequence[str] = ()) -> list[Difference]:
    """Find what differs behind the cells in common, the most severe first."""
    pairs = pair_cells(a.description, b.description, ignored)
    return find_differences_behind(a, b, pairs, ignored)


def find_differences_behind(
    a: Campaign, b: Campaign, pairs: Sequence[Pair], ignored: Sequence[str] = ()
) -> list[Difference]:
    """Find what differs behind these pairs of cells, the most severe first."""
    return [
        *find_differences_between(a.description, b.description, pairs, ignored),
        *find_package_differences(a, b, pairs),
    ]


def find_package_differences(a: Campaign, b: Campaign, pairs: Sequence[Pair]) -> list[Difference]:
    """Find the packages whose versions differ between a and b, as the loaders of these cells reported them."""
    interpreters = {(_interpreter(here), _interpreter(there)) for here, there in pairs}
    versions = [_packages(side, set(cells)) for side, cells in zip((a, b), zip(*pairs, strict=True), strict=False)]
    return [
        Difference("software", f"packages {join_parts(where, elsewhere)}", package, here, there)
        for where, elsewhere in sorted(interpreters)
        for package, here in versions[0].get(where, {}).items()
        if (there := versions[1].get(elsewhere, {}).get(package, here)) != here
    ]


def _interpreter(cell: Cell) -> str:
    return part_key(cell.engine, part_name(cell, "python"))


def _packages(side: Campaign, cells: set[Cell]) -> dict[str, dict[str, str]]:
    """Return the versions of packages by interpreter; several where a package changed during the campaign."""
    chosen = {shown.cell_key: shown.cell for shown in side.description.cells if shown.cell in cells}
    found: dict[str, dict[str, set[str]]] = {}
    for record in side.records:
        if record.client and (cell := chosen.get(record.cell_key)):
            packages = found.setdefault(_interpreter(cell), {})
            for package, version in record.client.packages.items():
                packages.setdefault(package, set()).add(version)
    return {
        where: {package: " and ".join(sorted(versions)) for package, versions in packages.items()}
        for where, packages in found.items()
    }


def _compare_experiment(a: ExperimentSummary, b: ExperimentSummary, ignored: Sequence[str]) -> ComparedExperiment:
    there, here = (summaries_by_key(side, ignored) for side in (a, b))
    cells = tuple(
        _compare_cell(there[key], cell)
        for key, cell in here.items()
        if key in there and not is_ceiling(cell.shown.cell)
    )
    baseline = next((cell.shown.cell for cell in b.cells if cell.baseline), None)
    return ComparedExperiment(b.experiment.name, b.experiment.question, baseline, cells, a.floor, b.floor)


def summaries_by_key(side: ExperimentSummary, ignored: Sequence[str]) -> dict[Key, CellSummary]:
    """Return the cells and arms by what makes them the same as another campaign's."""
    summaries = {(cell.shown.cell_key, cell.shown.arm): cell for cell in side.cells}
    matched = match_cells([cell.shown for cell in side.cells], ignored)
    return {key: summaries[shown.cell_key, shown.arm] for key, shown in matched.items()}


def _compare_cell(a: CellSummary, b: CellSummary) -> ComparedCell:
    baseline = a.baseline or b.baseline
    relative = estimate_unpaired_ratio(log_ratios(a), log_ratios(b))
    obstacles = (obstacle_to(a), obstacle_to(b))
    return ComparedCell(
        shown=b.shown,
        axes=b.shown.cell,
        baseline=baseline,
        rows_per_s_a=a.rows_per_s,
        rows_per_s_b=b.rows_per_s,
        ratio_a=a.ratio,
        ratio_b=b.ratio,
        relative=None if baseline or any(obstacles) else relative,
        absolute=estimate_unpaired_ratio(_logs(a), _logs(b)),
        blocks_a=len(a.good_runs),
        blocks_b=len(b.good_runs),
        obstacles=obstacles,
    )


def _logs(cell: CellSummary) -> list[float]:
    """Return the logarithms of the rows/s of a cell's good runs."""
    return [math.log(run.compared) for run in cell.good_runs.values()]


def log_ratios(cell: CellSummary) -> list[float]:
    """Return the logarithms of its ratios to the baseline, one of each block that has both."""
    pairs = sorted(paired(cell.good_runs, cell.pace).items())
    return [math.log(run.compared) - math.log(cell.pace[block].compared) for block, run in pairs]


def obstacle_to(cell: CellSummary) -> str | None:
    """Return why the cell has no ratio to compare, or None."""
    if cell.shown.unsupported:
        return f"cannot run: {cell.shown.unsupported}"
    if not cell.good_runs:
        return "no run was ok"
    if cell.disturbed_ground:
        return "disturbed"
    return None if paired(cell.good_runs, cell.pace) else "shares no block with its baseline"


def _adjust(experiments: Sequence[ComparedExperiment]) -> Iterator[ComparedExperiment]:
    """Give the cells their p values adjusted for one another, each counted once.

    The baseline's second arm is none of them: it is the same program in both, and tells of the noise.
    """
    p_values = {
        (cell.axes, experiment.baseline): cell.relative.p_value
        for experiment in experiments
        for cell in experiment.cells
        if cell.shown.arm == "a" and cell.relative is not None
    }
    adjusted = dict(zip(p_values, adjust_holm(list(p_values.values())), strict=True))
    for experiment in experiments:
        keys = [(cell.axes, experiment.baseline) if cell.shown.arm == "a" else None for cell in experiment.cells]
        cells = zip(experiment.cells, keys, strict=True)
        yield replace(
            experiment, cells=tuple(replace(cell, adjusted_p=key and adjusted.get(key)) for cell, key in cells)
        )
