"""Balanced cells and blocks of an experiment, from which the effects of factors are computed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.analysis.attempts import counting_runs
from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.effects import Table
from experiments.analysis.factors import Crossing, Factor, Level, find_crossing
from experiments.analysis.good_runs import good_runs
from experiments.records.campaign import Campaign
from experiments.records.description import ShownCell

# The axes that are chosen by themselves; others may follow from the loader or the interpreter.
_CHOSEN = {"engine", "python", "loader", "poolsize", "postgres", "data", "transaction", "inserts", "resources"}
_CHOSEN |= {"workload"}


@dataclass(frozen=True)
class Basis:
    """The cells to compute with, and the levels left out since some of their cells cannot run; ``whole`` has them."""

    cells: Sequence[ShownCell]
    crossing: Crossing
    whole: Crossing
    left_out: tuple[tuple[Factor, Level], ...]


def without_foreign_baseline(shown: Sequence[ShownCell], lists: Mapping[str, Sequence[Any]]) -> list[ShownCell]:
    """Return each cell once, without upper bounds and without a baseline whose values the experiment does not have."""
    again = {cell.cell_key for cell in shown if cell.arm == "b"}
    cells = [cell for cell in shown if cell.arm == "a" and not is_ceiling(cell.cell)]

    def is_foreign(baseline: ShownCell) -> bool:
        others = [cell.cell for cell in cells if cell is not baseline]
        return any(
            value is not None
            and all(other.value(axis) != value for other in others)
            # A loader with one connection has that whatever the pool.
            and (value not in lists[axis] if axis in lists else axis in _CHOSEN and (axis, value) != ("poolsize", 1))
            for axis, value in baseline.cell.axes().items()
        )

    return [cell for cell in cells if not (len(cells) > 1 and cell.cell_key in again and is_foreign(cell))]


def find_basis(cells: Sequence[ShownCell]) -> Basis:
    """Leave out level by level, the one with most holes first, until every cell that is left can run."""
    left, left_out = list(cells), list[tuple[Factor, Level]]()
    whole = find_crossing([cell.cell.axes() for cell in cells])
    names = {(factor.axes, level): factor for factor in whole.factors for level in factor.levels}
    while True:
        crossing = find_crossing([cell.cell.axes() for cell in left])
        if not crossing.factors or not any(cell.unsupported for cell in left):
            return Basis(left, crossing, whole, tuple(left_out))
        factor, level = _find_emptiest(left, crossing.factors)
        left_out.append((names.get((factor.axes, level), factor), level))
        left = [cell for cell in left if factor.level_of(cell.cell.axes()) != level]


def _find_emptiest(cells: Sequence[ShownCell], factors: Sequence[Factor]) -> tuple[Factor, Level]:
    """Return the level with the largest share of cells that cannot run."""
    found: dict[tuple[int, Level], list[bool]] = {}
    for place, factor in enumerate(factors):
        found |= {(place, level): [] for level in factor.levels}
        for cell in cells:
            found[place, factor.level_of(cell.cell.axes())].append(bool(cell.unsupported))
    place, level = max(found, key=lambda one: statistics.fmean(found[one]))
    return factors[place], level


def complete_blocks(basis: Basis, campaign: Campaign) -> list[Table]:
    """Return every block in which all cells ran well, by one command, as logarithms of rows/s."""
    factors = basis.crossing.factors
    runs = {
        tuple(factor.level_of(cell.cell.axes()) for factor in factors): good_runs(counting_runs(campaign, cell))
        for cell in basis.cells
    }
    blocks = sorted(set.intersection(*(set(some) for some in runs.values())))
    whole = [block for block in blocks if len({some[block].resumed for some in runs.values()}) == 1]
    return [{levels: math.log(some[block].compared) for levels, some in runs.items()} for block in whole]
