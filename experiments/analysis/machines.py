"""Spread between the machines of a campaign on a cluster, by the one-way random effects model: blocks within machines.

- Intraclass correlation: the share of the variance of the blocks' values that is between machines. Variances are the
  moment (ANOVA) estimates for groups of unequal size (Searle, Casella and McCulloch 1992, Variance Components).
- Interval for machines like these, from three machines on: Student's t of the machines' means, each counted once, with
  k - 1 degrees of freedom for k machines: exact for equal numbers of blocks, and close to it for others (Burdick and
  Graybill 1992, Confidence Intervals on Variance Components). Its variance is never below the one that the blocks
  alone explain, as machines that agree by chance would else have an interval of no width.

A mixed model by REML has the same estimate if machines have equal numbers of blocks, but its intervals are those of
many machines. A two-level bootstrap of 3 machines covers the true ratio in 75% of simulated campaigns, if machines
differ much more than blocks, as it draws the same few machines. The interval used covers it in 94% to 100%, of 3 to 10
machines with 1 to 10 blocks each; test_machines.py simulates the former.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.good_runs import paired
from experiments.analysis.stats import Estimate, LogRatio, to_estimate
from experiments.analysis.summary import CellSummary

FEWEST_MACHINES = 3

Groups = Mapping[str, Sequence[float]]
"""Logarithms of the blocks of each machine."""


@dataclass(frozen=True)
class MachineSpread:
    """The spread of a row between machines: of its ratio, or of the baseline's rate.

    ``correlation`` is the intraclass correlation, None without a second block on any machine. ``ratio`` holds for
    machines like these.
    """

    correlation: float | None
    ratio: Estimate | None


@dataclass(frozen=True)
class _Variances:
    """The variances within and between machines."""

    within: float
    between: float

    @property
    def correlation(self) -> float | None:
        total = self.within + self.between
        return self.between / total if total > 0 else None


def find_spread(cell: CellSummary) -> MachineSpread | None:
    """Return the spread of a row; None if its runs are of fewer than two machines."""
    machines = machines_of(cell)
    if cell.baseline:
        logs = {block: math.log(run.compared) for block, run in cell.good_runs.items()}
    else:
        pairs = paired(cell.good_runs, cell.pace)
        logs = {block: math.log(run.compared / cell.pace[block].compared) for block, run in pairs.items()}
    groups: dict[str, list[float]] = {}
    for block, log in logs.items():
        groups.setdefault(machines.get(block, ""), []).append(log)
    if len(groups) < 2:
        return None
    variances = estimate_variances(groups)
    ratio = None if cell.baseline else estimate_for_machines(groups)
    return MachineSpread(None if variances is None else variances.correlation, ratio)


def machines_of(cell: CellSummary) -> dict[int, str]:
    """Return the machine of each block; none of a campaign on one machine."""
    return {record.block: record.machine for record in cell.finished if record.machine is not None}


def estimate_variances(groups: Groups) -> _Variances | None:
    """Estimate the variances of groups of unequal size; None without a second value in any of at least two groups."""
    sizes = [len(values) for values in groups.values()]
    total, number = sum(sizes), len(sizes)
    if total == number or number < 2:
        return None
    within = math.fsum((value - statistics.fmean(values)) ** 2 for values in groups.values() for value in values)
    within /= total - number
    center = statistics.fmean(value for values in groups.values() for value in values)
    squares = math.fsum(len(values) * (statistics.fmean(values) - center) ** 2 for values in groups.values())
    usual_size = (total - math.fsum(size**2 for size in sizes) / total) / (number - 1)
    return _Variances(within, max(0.0, (squares / (number - 1) - within) / usual_size))


def estimate_for_machines(groups: Groups) -> Estimate | None:
    """Estimate the mean ratio of machines like these from the logarithms; None for fewer than three."""
    if len(groups) < FEWEST_MACHINES:
        return None
    means = [statistics.fmean(values) for values in groups.values()]
    variances = estimate_variances(groups)
    of_blocks = math.fsum(1 / len(values) for values in groups.values()) / len(means)
    least = 0.0 if variances is None else variances.within * of_blocks
    error = math.sqrt(max(statistics.variance(means), least) / len(means))
    return to_estimate(LogRatio(statistics.fmean(means), error, len(means) - 1))
