"""Costs without noise: instructions per row against the baseline and another campaign, and a client's capacity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from experiments.analysis.stats import Estimate, estimate_median
from experiments.records.campaign import Campaign
from experiments.records.counts import CellCount
from experiments.records.description import ShownCell
from experiments.records.record import Record


@dataclass(frozen=True)
class CountedTwice:
    """A cell that both campaigns counted; ``growth`` is B relative to A less 1, None where no numbers compare."""

    shown: ShownCell
    a: CellCount
    b: CellCount

    @property
    def growth(self) -> float | None:
        """Return the growth of instructions per row from A to B."""
        ratio = instruction_ratio(self.b, self.a)
        return None if ratio is None else ratio - 1


def instruction_ratio(one: CellCount | None, other: CellCount | None) -> float | None:
    """Return the instructions per row relative to the other's; None unless the same tool has counted both."""
    if one is None or other is None or one.instructions_tool != other.instructions_tool:
        return None
    if one.instructions_per_row is None or other.instructions_per_row is None:
        return None
    return one.instructions_per_row / other.instructions_per_row


def compare_counts(a: Campaign, b: Campaign) -> list[CountedTwice]:
    """Pair the counts of the cells in common, in the order of B."""
    there = {shown.cell: a.counts[shown.cell_key] for shown in a.description.cells if shown.cell_key in a.counts}
    return [
        CountedTwice(shown, there[shown.cell], b.counts[shown.cell_key])
        for shown in b.description.cells
        if shown.arm == "a" and shown.cell in there and shown.cell_key in b.counts
    ]


def client_capacity(runs: Iterable[Record]) -> Estimate | None:
    """Estimate the rows/s that one core could do: 1 / CPU time per row, from the median with its interval."""
    costs_us = [record.cost_us for record in runs if record.cost_us]
    if not costs_us:
        return None
    cost_us = estimate_median(costs_us)
    low, high = (cost_us.high, cost_us.low) if cost_us.interval else (None, None)
    return Estimate(1e6 / cost_us.value, low and 1e6 / low, high and 1e6 / high)
