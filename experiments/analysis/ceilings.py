"""Upper bounds, measured with PostgreSQL's own programs, and the one that a cell is compared with."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bigdata.registry import LOADERS
from experiments.analysis.attempts import counting_runs
from experiments.analysis.good_runs import good_runs, paired, values
from experiments.analysis.stats import Estimate, estimate_ratio
from experiments.matrix.cell import AxisValue
from experiments.records.campaign import Campaign
from experiments.records.description import ShownCell
from experiments.records.record import Cell

PGBENCH = "ceiling_pgbench"
"""The one that does what loaders do: the same statements, over as many connections."""

COPY = "ceiling_copy"
"""All rows in one statement."""

# Axes on which a cell and its upper bound are alike.
_SAME = ("engine", "postgres", "data", "poolsize", "resources", "transaction", "workload", "arrivals")

# Of several that qualify, the one with more of these wins, the first of them counting most.
_PREFERRED_PROTOCOLS = ("simple", "prepared")
_PREFERRED_SAME = ("sampling", "python", "gil")


Ceilings = Mapping[tuple[AxisValue, ...], Sequence[ShownCell]]


def is_ceiling(cell: Cell) -> bool:
    """Return whether the cell is an upper bound, run by one of PostgreSQL's own programs."""
    loader = LOADERS.get(cell.loader)
    return loader is not None and loader.ceiling


def list_ceilings(shown: Iterable[ShownCell]) -> Ceilings:
    """Return the upper bounds among the cells of a campaign, by their values on the axes that cells share with them."""
    ceilings: dict[tuple[AxisValue, ...], list[ShownCell]] = {}
    for one in shown:
        if one.cell.loader == PGBENCH and (one.arm, one.unsupported) == ("a", None):
            ceilings.setdefault(_same(one.cell), []).append(one)
    return ceilings


def find_ceiling(cell: Cell, ceilings: Ceilings) -> ShownCell | None:
    """Find the upper bound of a cell; None where it has none, or is one itself.

    The protocol ``simple`` goes before ``prepared``, so that all loaders are compared with the same.
    """
    able = () if is_ceiling(cell) else ceilings.get(_same(cell), ())
    return min(able, key=lambda one: _distance(one.cell, cell), default=None)


def compare_with_ceiling(campaign: Campaign, shown: ShownCell, ceilings: Ceilings) -> Estimate | None:
    """Return the ratio of a cell to its upper bound, paired by block; both arms of a baseline are one estimate.

    The upper bound may be of other blocks, or of another experiment: without a common block the medians are divided.
    """
    ceiling = find_ceiling(shown.cell, ceilings)
    highest = good_runs(counting_runs(campaign, ceiling)) if ceiling else {}
    arms = [good_runs(counting_runs(campaign, replace(shown, arm=arm))) for arm in ("a", "b")]
    pairs = [values(paired(runs, highest)) for runs in arms]
    both = {
        block: math.exp(statistics.fmean(math.log(runs[block]) for runs in pairs if block in runs))
        for block in sorted(set().union(*pairs))
    }
    every = [run.compared for runs in arms for run in runs.values()]
    if both or not highest or not every:
        return estimate_ratio(both, values(highest))
    return Estimate(statistics.median(every) / statistics.median(values(highest).values()))


def _same(cell: Cell) -> tuple[AxisValue, ...]:
    return tuple(cell.value(axis) for axis in _SAME)


def _distance(ceiling: Cell, cell: Cell) -> tuple[int, ...]:
    protocol = [*_PREFERRED_PROTOCOLS, ceiling.protocol].index(ceiling.protocol)
    return (protocol, *(int(ceiling.value(axis) != cell.value(axis)) for axis in _PREFERRED_SAME))
