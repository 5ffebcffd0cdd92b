"""Rates of loads: a share of what the baseline does as a closed loop, by runs before each block that leave no record.

All cells with the same load get the same absolute rate, so that loaders are compared under the same arrivals. A cell
that several experiments show has that of the first one's baseline.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from experiments.campaign.prepared_cell import PreparedCell
from experiments.matrix.arrivals import CLOSED, load_of
from experiments.matrix.cell import Cell
from experiments.matrix.plan import Plan

FindRate = Callable[[PreparedCell], float | None]
"""Finds the operations per second of a cell as a closed loop; None where it does not run well."""


def with_rates(
    cells: Sequence[PreparedCell], plan: Plan, every: Mapping[Cell, PreparedCell | str], find_rate: FindRate
) -> list[PreparedCell]:
    """Return the cells of a block, those with a load with their rate."""
    found: dict[Cell, float | None] = {}

    def with_rate(prepared: PreparedCell) -> PreparedCell:
        load = load_of(prepared.cell.arrivals)
        base = None if load is None else _find_base(prepared.cell, plan, every)
        if load is None or base is None:
            return prepared
        if base.cell not in found:
            found[base.cell] = find_rate(base)
        rate_per_s = found[base.cell]
        return replace(prepared, rate_per_s=None if rate_per_s is None else round(load * rate_per_s, 1))

    return [with_rate(one) for one in cells]


def _find_base(cell: Cell, plan: Plan, every: Mapping[Cell, PreparedCell | str]) -> PreparedCell | None:
    """Return the baseline of the first experiment that shows the cell, as a closed loop; None if it cannot run."""
    first = next((one.experiments[0] for one in plan.cells if one.cell == cell), None)
    baseline = next((one.cell for one in plan.cells if one.arm == "b" and first in one.experiments), None)
    prepared = None if baseline is None else every.get(baseline)
    if not isinstance(prepared, PreparedCell):
        return None
    return replace(prepared, cell=replace(prepared.cell, arrivals=CLOSED), rate_per_s=None)
