"""Meta-analysis of campaigns: the combined ratio of each cell to its baseline.

- Random effects: each campaign has a ratio of its own, drawn around the combined one. The variance between campaigns,
  tau squared, is the moment estimate of DerSimonian and Laird (1986, Controlled Clinical Trials 7, 177-188). Weights
  are 1 / (standard error squared + tau squared).
- Interval and p value are those of Hartung and Knapp (2001, Statistics in Medicine 20, 3875-3889) with Student's t of
  k - 1 degrees of freedom, for k campaigns. Their variance is never below the one without it, max(1, q): else two
  campaigns that happen to agree would have an interval of no width (Röver, Knapp and Friede 2015, BMC Medical Research
  Methodology 15, 99; IntHout, Ioannidis and Borm 2014, same journal 14, 25, on few and unequal studies).
- Common effect: the campaigns have the same ratio, so that only blocks differ. Weights are 1 / standard error squared;
  variance and degrees of freedom allow for standard errors from few blocks (Meier 1953, Biometrics 9, 59-73).
- I squared is the share of the campaigns' variance that is more than chance within them (Higgins and Thompson 2002,
  Statistics in Medicine 21, 1539-1558).

Standard errors are estimated from few blocks, which the method takes for known. In simulated campaigns of 5 and 10
blocks, 2 to 10 of them, the interval of Hartung and Knapp alone covers the true ratio in 91% to 95%, and with max(1, q)
in 94% to 100%: above 99% for two campaigns. test_pooling.py simulates them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.comparison import log_ratios, obstacle_to, summaries_by_key
from experiments.analysis.matching import Key, Pair
from experiments.analysis.stats import (
    FEWEST_BLOCKS,
    Estimate,
    LogRatio,
    adjust_holm,
    is_significant,
    measure_log_ratio,
    to_estimate,
)
from experiments.analysis.summary import CellSummary, ExperimentSummary, summarize
from experiments.records.campaign import Campaign
from experiments.records.description import ShownCell
from experiments.records.record import Cell

# Made-up numbers may have no spread, and weights are divided by it.
_LEAST_VARIANCE = 1e-24


# A cell, its baseline, and which campaigns contribute.
_Evidence = tuple[Cell, Cell | None, tuple[bool, ...]]


@dataclass(frozen=True)
class PooledRatio:
    """The ratio of k campaigns: by random effects, and if all have a common one.

    ``tau`` is the standard deviation between campaigns on the log scale, ``i_squared`` a share.
    """

    ratio: Estimate
    common: Estimate
    tau: float
    i_squared: float


@dataclass(frozen=True)
class Contribution:
    """A cell in one campaign: its ratio there, and the ``obstacle`` if that does not enter."""

    shown: ShownCell
    ratio: Estimate | None
    obstacle: str | None
    measured: LogRatio | None


@dataclass(frozen=True)
class PooledCell:
    """A cell and arm that at least two campaigns planned, ``shown`` as in the last of them.

    ``sides`` has a contribution for each campaign, None where it was not planned. ``adjusted_p`` is that of
    ``pooled.ratio`` by Holm for all pooled cells.
    """

    shown: ShownCell
    baseline: bool
    sides: tuple[Contribution | None, ...]
    pooled: PooledRatio | None
    adjusted_p: float | None = None

    @property
    def differs(self) -> bool:
        """Return whether the combined ratio differs significantly from 1, all cells taken together."""
        return is_significant(self.adjusted_p)

    @property
    def k(self) -> int:
        """Return the number of campaigns that contribute."""
        return sum(side is not None and side.measured is not None for side in self.sides)


@dataclass(frozen=True)
class PooledExperiment:
    """An experiment of at least two campaigns with the cells that two of them planned."""

    name: str
    question: str
    baseline: Cell | None
    cells: tuple[PooledCell, ...]


def pool_ratios(measured: Sequence[LogRatio]) -> PooledRatio:
    """Combine the ratios of at least two campaigns."""
    means = [one.mean for one in measured]
    variances = [max(one.error**2, _LEAST_VARIANCE) for one in measured]
    freedom = len(measured) - 1
    center, weights = _weigh(means, variances)
    heterogeneity = _squares(means, weights, center)
    total = math.fsum(weights)
    scale = total - math.fsum(weight**2 for weight in weights) / total
    tau_squared = max(0.0, (heterogeneity - freedom) / scale)
    mean, random_weights = _weigh(means, [variance + tau_squared for variance in variances])
    factor = max(1.0, _squares(means, random_weights, mean) / freedom)
    return PooledRatio(
        ratio=to_estimate(LogRatio(mean, math.sqrt(factor / math.fsum(random_weights)), freedom)),
        common=to_estimate(_average(center, weights, [one.freedom for one in measured])),
        tau=math.sqrt(tau_squared),
        i_squared=max(0.0, 1 - freedom / heterogeneity) if heterogeneity else 0.0,
    )


def _weigh(means: Sequence[float], variances: Sequence[float]) -> tuple[float, list[float]]:
    """Return the mean with the inverse variances as weights, and these."""
    weights = [1 / variance for variance in variances]
    weighted = (weight * mean for weight, mean in zip(weights, means, strict=True))
    return math.fsum(weighted) / math.fsum(weights), weights


def _squares(means: Sequence[float], weights: Sequence[float], center: float) -> float:
    """Return Cochran's Q: the weighted sum of squared distances from the center."""
    return math.fsum(weight * (mean - center) ** 2 for mean, weight in zip(means, weights, strict=True))


def _average(center: float, weights: Sequence[float], freedoms: Sequence[float]) -> LogRatio:
    """Give a mean weighted by estimated variances Meier's standard error and degrees of freedom."""
    total = math.fsum(weights)
    shares = [(weight / total, freedom) for weight, freedom in zip(weights, freedoms, strict=True)]
    excess = math.fsum(share * (1 - share) / freedom for share, freedom in shares)
    freedom = 1 / math.fsum(share**2 / freedom for share, freedom in shares)
    return LogRatio(center, math.sqrt((1 + 4 * excess) / total), freedom)


def pool_campaigns(campaigns: Sequence[Campaign], ignored: Sequence[str] = ()) -> tuple[PooledExperiment, ...]:
    """Pool each cell that has the same axes, experiment and baseline in at least two of the campaigns."""
    names = dict.fromkeys(shown.name for campaign in campaigns for shown in campaign.description.experiments)
    experiments = [_pool_experiment([_summary(campaign, name) for campaign in campaigns], ignored) for name in names]
    return tuple(_adjust([experiment for experiment in experiments if experiment.cells]))


def pairs_between(experiments: Iterable[PooledExperiment]) -> dict[tuple[int, int], list[Pair]]:
    """Return, for the places of two campaigns, the cells of the first one that planned them and of a later one."""
    pairs: dict[tuple[int, int], dict[Pair, None]] = {}
    for experiment in experiments:
        for cell in experiment.cells:
            first, *later = [(place, side.shown.cell) for place, side in enumerate(cell.sides) if side]
            for place, other in later:
                pairs.setdefault((first[0], place), {})[first[1], other] = None
    return {places: list(found) for places, found in sorted(pairs.items())}


def _summary(campaign: Campaign, name: str) -> ExperimentSummary | None:
    shown = next((one for one in campaign.description.experiments if one.name == name), None)
    return None if shown is None else summarize(campaign, shown)


def _pool_experiment(sides: Sequence[ExperimentSummary | None], ignored: Sequence[str]) -> PooledExperiment:
    known = [side for side in sides if side]
    found = [_contributions(side, ignored) if side else {} for side in sides]
    newest = {key: cell for side in known for key, cell in summaries_by_key(side, ignored).items()}
    cells = [
        _pool_cell(cell, [side.get(key) for side in found])
        for key, cell in newest.items()
        if sum(key in side for side in found) > 1 and not is_ceiling(cell.shown.cell)
    ]
    last = known[-1]
    baseline = next((cell.shown.cell for cell in last.cells if cell.baseline), None)
    return PooledExperiment(last.experiment.name, last.experiment.question, baseline, tuple(cells))


def _contributions(side: ExperimentSummary, ignored: Sequence[str]) -> Mapping[Key, Contribution]:
    contributions = {}
    for key, cell in summaries_by_key(side, ignored).items():
        logs = log_ratios(cell)
        obstacle = obstacle_to(cell)
        if obstacle is None and len(logs) < FEWEST_BLOCKS:
            obstacle = f"fewer than {FEWEST_BLOCKS} blocks"
        measured = None if cell.baseline or obstacle else measure_log_ratio(logs)
        contributions[key] = Contribution(cell.shown, cell.ratio, obstacle, measured)
    return contributions


def _pool_cell(cell: CellSummary, sides: Sequence[Contribution | None]) -> PooledCell:
    measured = [side.measured for side in sides if side and side.measured]
    return PooledCell(cell.shown, cell.baseline, tuple(sides), pool_ratios(measured) if len(measured) > 1 else None)


def distinct_cells(experiments: Iterable[PooledExperiment]) -> dict[_Evidence, PooledCell]:
    """Return each pooled cell once, whatever the number of its experiments, of the same campaigns: Holm's family.

    The baseline's second arm is none of them: it is the same program, and tells of the noise.
    """
    return {
        _evidence(cell, experiment): cell
        for experiment in experiments
        for cell in experiment.cells
        if cell.pooled and cell.shown.arm == "a"
    }


def _evidence(cell: PooledCell, experiment: PooledExperiment) -> _Evidence:
    contributing = tuple(side is not None and side.measured is not None for side in cell.sides)
    return cell.shown.cell, experiment.baseline, contributing


def _adjust(experiments: Sequence[PooledExperiment]) -> Iterator[PooledExperiment]:
    """Give the cells their p values adjusted for one another."""
    distinct = distinct_cells(experiments)
    p_values = [cell.pooled.ratio.p_value if cell.pooled else None for cell in distinct.values()]
    adjusted = dict(zip(distinct, adjust_holm(p_values), strict=True))
    for experiment in experiments:
        yield replace(experiment, cells=tuple(_with_p(cell, experiment, adjusted) for cell in experiment.cells))


def _with_p(cell: PooledCell, experiment: PooledExperiment, adjusted: Mapping[_Evidence, float | None]) -> PooledCell:
    p_value = adjusted.get(_evidence(cell, experiment)) if cell.shown.arm == "a" else None
    return replace(cell, adjusted_p=p_value)
