"""Medians and ratios with their intervals: pure functions of numbers.

- Median: with the distribution-free interval between two order statistics, ``x(k)`` and ``x(n+1-k)``, k the largest
  for which Binomial(n, 1/2) gives at least 95% coverage (Conover, Practical Nonparametric Statistics, 3.2). Fewer than
  6 values have no such interval.
- Ratio to the baseline: paired within blocks on the log scale. With ``d = ln(value / baseline)`` per block, the ratio
  is ``exp(mean d)``, its interval Student's for the mean of d, and its p value that of the paired t test of "the ratio
  is 1". The baseline is arm ``a``. Fewer than 5 blocks get no interval, no p value and no mark.
- Ratio of two sets of runs that share no blocks (two campaigns): Welch's t test and interval on the logs.
- Noise floor: the baseline's arm ``b`` divided by its arm ``a`` in the same way. Both are the same program, so whatever
  that interval reaches away from 1 is noise. A ratio that is nearer to 1 than that, or whose p value is not below 0.05
  (its interval holds 1), is not told apart from the baseline.
- Many ratios in one table: their p values are adjusted by Holm's step-down procedure (Holm 1979, A simple sequentially
  rejective multiple test procedure, Scandinavian Journal of Statistics 6, 65-70), which keeps the chance of even one
  false mark in the table at 5% whatever the dependence between the rows. Intervals are not adjusted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import binom, ttest_1samp, ttest_ind

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
FEWEST_BLOCKS = 5
# Fewer values have no two order statistics that hold the median with 95%.
FEWEST_FOR_MEDIAN = 6
# Logarithms that differ by less differ by the rounding of their arithmetic: a t test of them means nothing.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A value and, where there are enough blocks, its 95% interval.

    ``p_value`` is the two-sided one of "the ratio is 1", not adjusted for others beside it; None for what is no ratio.
    """

    value: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


def estimate_median(values: Sequence[float]) -> Estimate:
    """The median of at least one value, with its distribution-free interval."""
    ordered = sorted(values)
    rank = int(binom.ppf(SIGNIFICANCE / 2, len(ordered), 0.5))
    median = statistics.median(ordered)
    if rank == 0:
        return Estimate(median)
    return Estimate(median, ordered[rank - 1], ordered[-rank])


def estimate_ratio(values: Mapping[int, float], baseline: Mapping[int, float]) -> Estimate | None:
    """The ratio of values to the baseline, both above 0 and by block; None where they share no block."""
    blocks = sorted(values.keys() & baseline.keys())
    return estimate_mean_ratio([math.log(values[block] / baseline[block]) for block in blocks])


def estimate_mean_ratio(logs: Sequence[float]) -> Estimate | None:
    """The ratio whose logarithm each block has measured once; None without any."""
    if not logs:
        return None
    if len(logs) < FEWEST_BLOCKS:
        return Estimate(math.exp(statistics.fmean(logs)))
    if _without_spread(logs):
        return _certain(logs[0])
    return _from_test(statistics.fmean(logs), ttest_1samp(logs, 0.0))


def estimate_unpaired_ratio(logs_a: Sequence[float], logs_b: Sequence[float]) -> Estimate | None:
    """The ratio of b to a, from logarithms of runs that share no blocks; None where one side has none.

    The ratio of the geometric means, ``exp(mean b - mean a)``, with Welch's interval: the two may differ in spread.
    """
    if not logs_a or not logs_b:
        return None
    difference = statistics.fmean(logs_b) - statistics.fmean(logs_a)
    if min(len(logs_a), len(logs_b)) < FEWEST_BLOCKS:
        return Estimate(math.exp(difference))
    if _without_spread(logs_a) and _without_spread(logs_b):
        return _certain(difference)
    return _from_test(difference, ttest_ind(logs_b, logs_a, equal_var=False))


def noise_floor(again: Estimate | None) -> float | None:
    """How far from 1 (as a factor above 1) noise alone takes a ratio, from the baseline's arm b against its arm a."""
    if again is None or again.low is None or again.high is None:
        return None
    return max(again.high, 1 / again.low)


def adjust_holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p values, in the order given. None stays None and is not of the family (Holm 1979).

    The k-th smallest of m is multiplied by ``m - k + 1``; none is below one that was smaller, and none above 1.
    """
    family = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(family):
        largest = max(largest, min(1.0, (len(family) - rank) * p))
        adjusted[place] = largest
    return adjusted


def is_noise(ratio: Estimate, floor: float | None, adjusted_p: float | None = None) -> bool:
    """Whether the ratio is not told apart from 1. Without intervals nothing is claimed, in either direction.

    ``adjusted_p`` is the ratio's p value adjusted for the others of its table; None: the ratio stands for itself.
    """
    if floor is None or ratio.low is None or ratio.high is None:
        return False
    within_floor = 1 / floor <= ratio.value <= floor
    # The interval holds 1 exactly where the p value that belongs to it is not below 0.05.
    significant = not ratio.low <= 1 <= ratio.high if adjusted_p is None else adjusted_p < SIGNIFICANCE
    return within_floor or not significant


def _from_test(log_ratio: float, test: Any) -> Estimate:
    """The estimate that a t test of scipy's comes to, on the log scale."""
    low, high = test.confidence_interval(CONFIDENCE)
    return Estimate(math.exp(log_ratio), math.exp(low), math.exp(high), float(test.pvalue))


def _without_spread(logs: Sequence[float]) -> bool:
    return max(logs) - min(logs) < _ROUNDING


def _certain(log_ratio: float) -> Estimate:
    """What the t test tends to as the spread goes to nothing: made-up numbers have none, measured ones always some."""
    if abs(log_ratio) < _ROUNDING:
        return Estimate(1.0, 1.0, 1.0, 1.0)
    ratio = math.exp(log_ratio)
    return Estimate(ratio, ratio, ratio, 0.0)
