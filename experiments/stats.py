"""Medians and ratios with their intervals: pure functions of numbers.

- Median: with the distribution-free interval between two order statistics, ``x(k)`` and ``x(n+1-k)``, k the largest
  for which Binomial(n, 1/2) gives at least 95% coverage (Conover, Practical Nonparametric Statistics, 3.2). Fewer than
  6 values have no such interval.
- Ratio to the baseline: paired within blocks on the log scale. With ``d = ln(value / baseline)`` per block, the ratio
  is ``exp(mean d)`` and its interval ``exp(mean d +- t * s / sqrt(n))``, t being Student's quantile for n - 1 degrees
  of freedom. The baseline is arm ``a``. Fewer than 5 blocks get no interval and no mark.
- Noise floor: the baseline's arm ``b`` divided by its arm ``a`` in the same way. Both are the same program, so whatever
  that interval reaches away from 1 is noise. A ratio that is nearer to 1 than that, or whose own interval holds 1, is
  not told apart from the baseline.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binom, t

CONFIDENCE = 0.95
FEWEST_BLOCKS = 5
# Fewer values have no two order statistics that hold the median with 95%.
FEWEST_FOR_MEDIAN = 6


@dataclass(frozen=True)
class Estimate:
    """A value and, where there are enough blocks, its 95% interval."""

    value: float
    low: float | None = None
    high: float | None = None


def estimate_median(values: Sequence[float]) -> Estimate:
    """The median of at least one value, with its distribution-free interval."""
    ordered = sorted(values)
    rank = int(binom.ppf((1 - CONFIDENCE) / 2, len(ordered), 0.5))
    median = statistics.median(ordered)
    if rank == 0:
        return Estimate(median)
    return Estimate(median, ordered[rank - 1], ordered[-rank])


def estimate_ratio(values: Mapping[int, float], baseline: Mapping[int, float]) -> Estimate | None:
    """The ratio of values to the baseline, both by block; None where they share no block."""
    blocks = sorted(values.keys() & baseline.keys())
    if not blocks:
        return None
    logs = [math.log(values[block] / baseline[block]) for block in blocks]
    mean = statistics.fmean(logs)
    if len(logs) < FEWEST_BLOCKS:
        return Estimate(math.exp(mean))
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1))
    reach = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return Estimate(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach))


def noise_floor(again: Estimate | None) -> float | None:
    """How far from 1 (as a factor above 1) noise alone takes a ratio, from the baseline's arm b against its arm a."""
    if again is None or again.low is None or again.high is None:
        return None
    return max(again.high, 1 / again.low)


def is_noise(ratio: Estimate, floor: float | None) -> bool:
    """Whether the ratio is not told apart from 1. Without intervals nothing is claimed, in either direction."""
    if floor is None or ratio.low is None or ratio.high is None:
        return False
    within_floor = 1 / floor <= ratio.value <= floor
    return within_floor or ratio.low <= 1 <= ratio.high
