"""Medians and ratios with their intervals.

- Median: the distribution-free interval between two order statistics, ``x(k)`` and ``x(n+1-k)``. k is the largest with
  at least 95% coverage by Binomial(n, 1/2) (Conover, Practical Nonparametric Statistics, 3.2). It needs 6 values.
- Ratio to the baseline (arm ``a``): paired within blocks, ``d = ln(value / baseline)``. The ratio is ``exp`` of the 10%
  trimmed mean of d, below ten blocks of the plain mean. Interval and p value (of "the ratio is 1") are those of the
  trimmed t test (Tukey and McLaughlin 1963, Sankhya A 25, 331-352). Fewer than 5 blocks get neither.
- Ratio of runs without common blocks (two campaigns): Welch's t test on the logs, with means trimmed likewise (Yuen
  1974, The two-sample trimmed t for unequal population variances, Biometrika 61, 165-170).
- Noise floor: the baseline's arm ``b`` divided by its arm ``a``, the same program. Noise is the reach of that interval,
  or the ratio itself if that is further from 1. A ratio nearer to 1, or with a p value not below 0.05, does not differ
  significantly.
- Many ratios in one table: Holm's step-down procedure (Holm 1979, Scandinavian Journal of Statistics 6, 65-70) keeps
  the chance of any false mark at 5%, whatever the dependence of the rows. Intervals are not adjusted.

Simulated campaigns of 10 blocks decided this: 2% of noise per run, normal, Student's t with 3 degrees of freedom, a
drift of 20%, and bursts (about 4 runs in a row slower by 20% to 30%, once in 200 runs). The tests
test_stats_validation.py and test_stats_alternatives.py hold the results:

- The plain t test finds a slowdown of 5% in 99.9%, 98.6%, 99.8% and, with bursts, 88% of the campaigns: one hit block
  widens the interval too much. The trimmed one finds it in 99.6%, 99.7%, 99.2% and 97.5%.
- Tukey and McLaughlin's ``n - 2g - 1`` degrees of freedom (g values trimmed at either end) are one too many for so few
  blocks: with light tails 5.2% to 5.5% of equal cells differ. With ``n - 2g - 2`` 4.6% to 5.0% do.
- Between two equal campaigns 4.5% of the cells differ over all kinds of noise, with Yuen's degrees of freedom. A cell
  that is 5% slower in the second is found in 95%, 99%, 93% and 91%.
- A floor of ``max(high, 1 / low)`` counts the chance of the one A/A ratio twice. It finds 91% to 98% of the slowdowns
  of 5%, the one used 96% to 99.5%, and that marks less than 2% of the ratios that are truly 1.
- Blocks added until an interval is narrow cost coverage: at worst 93% instead of 95%, where one ratio alone decides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from experiments.formatting import NOTHING

Key = TypeVar("Key")

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
FEWEST_BLOCKS = 5
# Fewer values have no two order statistics that hold the median with 95%.
FEWEST_FOR_MEDIAN = 6
TRIMMED = 0.1
"""The part of the blocks that is left out of a mean at either end, rounded down to whole blocks."""
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

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return both ends of the interval, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Ratio:
    """A ratio; ``noise``: it is not significant, None without enough blocks for a test."""

    value: Estimate
    noise: bool | None = None


def median_of_known(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that are not None; None where all are."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def estimate_median(values: Sequence[float]) -> Estimate:
    """Estimate the median of at least one value, with its distribution-free interval."""
    ordered = sorted(values)
    rank = _median_rank(len(ordered))
    median = statistics.median(ordered)
    return Estimate(median, ordered[rank - 1], ordered[-rank]) if rank else Estimate(median)


@cache
def _median_rank(count: int) -> int:
    """Return the rank of the lower end of the median's interval; 0 where so few values have none."""
    if count < FEWEST_FOR_MEDIAN:
        return 0
    # Here and below: it takes a third of the time that a command needs to start, and few commands call it. scipy.stats
    # calls the same, but takes a second, and each call a hundred times as long.
    from scipy.special import bdtr

    return next(rank for rank in range(count + 1) if bdtr(rank, count, 0.5) >= SIGNIFICANCE / 2)


def estimate_ratio(values: Mapping[int, float], baseline: Mapping[int, float]) -> Estimate | None:
    """Estimate the ratio of values to the baseline, both above 0 and by block; None where they share no block."""
    blocks = sorted(values.keys() & baseline.keys())
    return estimate_mean_ratio([math.log(values[block] / baseline[block]) for block in blocks])


@dataclass(frozen=True)
class LogRatio:
    """The mean logarithm of a ratio with its standard error and degrees of freedom."""

    mean: float
    error: float
    freedom: float


def measure_log_ratio(logs: Sequence[float]) -> LogRatio | None:
    """Return the trimmed mean of the logarithms, one of each block; None for fewer than 5."""
    if len(logs) < FEWEST_BLOCKS:
        return None
    trimmed = _Trimmed.of(logs)
    error = trimmed.spread * math.sqrt(len(logs)) / trimmed.counted
    return LogRatio(trimmed.mean, error, trimmed.counted - (2 if trimmed.counted < len(logs) else 1))


def estimate_mean_ratio(logs: Sequence[float]) -> Estimate | None:
    """Estimate the ratio whose logarithm each block has measured once, by the trimmed t test; None without any."""
    if not logs:
        return None
    measured = measure_log_ratio(logs)
    return Estimate(math.exp(_Trimmed.of(logs).mean)) if measured is None else to_estimate(measured)


def estimate_unpaired_ratio(logs_a: Sequence[float], logs_b: Sequence[float]) -> Estimate | None:
    """Estimate the ratio of b to a, with Yuen's interval, from logarithms of runs without common blocks.

    None if one side has no runs.
    """
    if not logs_a or not logs_b:
        return None
    a, b = _Trimmed.of(logs_a), _Trimmed.of(logs_b)
    if min(len(logs_a), len(logs_b)) < FEWEST_BLOCKS:
        return Estimate(math.exp(b.mean - a.mean))
    if max(a.spread, b.spread) < _ROUNDING:
        return _certain(b.mean - a.mean)
    variances = [side.squares / (side.counted * (side.counted - 1)) for side in (a, b)]
    # Welch's approximation (Satterthwaite): as many as a single variance of this size would have.
    parts = [variance**2 / (side.counted - 1) for variance, side in zip(variances, (a, b), strict=True)]
    freedom = math.fsum(variances) ** 2 / math.fsum(parts)
    return to_estimate(LogRatio(b.mean - a.mean, math.sqrt(math.fsum(variances)), freedom))


def interval_reach(ratio: Estimate | None) -> float | None:
    """Return the distance of the interval's ends from the ratio: 0.05 for r / 1.05 to r * 1.05."""
    return math.sqrt(ratio.interval[1] / ratio.interval[0]) - 1 if ratio and ratio.interval else None


def noise_floor(again: Estimate | None) -> float | None:
    """Return the distance of a ratio from 1 by noise alone, as a factor above 1; ``again`` is the baseline's b to a."""
    reach = interval_reach(again)
    return None if again is None or reach is None else max(1 + reach, again.value, 1 / again.value)


def adjust_holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p values by Holm's step-down procedure (Holm 1979). None stays None and is not of the family.

    The k-th smallest of m is multiplied by ``m - k + 1``; none is below one that was smaller, and none above 1.
    """
    family = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(family):
        largest = max(largest, min(1.0, (len(family) - rank) * p))
        adjusted[place] = largest
    return adjusted


def is_significant(p_value: float | None) -> bool:
    """Return whether the p value is known and below 0.05."""
    return p_value is not None and p_value < SIGNIFICANCE


def is_noise(ratio: Estimate, floor: float | None, adjusted_p: float | None = None) -> bool | None:
    """Return whether the ratio does not differ significantly from 1; None without intervals.

    ``adjusted_p`` is the ratio's p value adjusted for the others of its table; None: the ratio stands for itself.
    """
    if floor is None or ratio.interval is None:
        return None
    low, high = ratio.interval
    # The interval holds 1 exactly where its p value is not below 0.05.
    significant = not low <= 1 <= high if adjusted_p is None else adjusted_p < SIGNIFICANCE
    return 1 / floor <= ratio.value <= floor or not significant


def mark_noise(ratios: Mapping[Key, Estimate], floor: float | None) -> dict[Key, Ratio]:
    """Return the ratios with their significance among one another (Holm)."""
    adjusted = adjust_holm([one.p_value for one in ratios.values()])
    return {key: Ratio(one, is_noise(one, floor, p)) for (key, one), p in zip(ratios.items(), adjusted, strict=True)}


@dataclass(frozen=True)
class _Trimmed:
    """The mean of the ``counted`` values, those that are left without the smallest and the largest.

    ``squares`` is the sum of squared deviations of the winsorized values, ``spread`` their standard deviation.
    """

    mean: float
    counted: int
    squares: float
    spread: float

    @staticmethod
    def of(logs: Sequence[float]) -> _Trimmed:
        ordered = sorted(logs)
        left_out = int(TRIMMED * len(logs))
        counted = ordered[left_out : len(logs) - left_out]
        moved = [counted[0]] * left_out + counted + [counted[-1]] * left_out
        center = statistics.fmean(moved)
        squares = math.fsum((log - center) ** 2 for log in moved)
        return _Trimmed(statistics.fmean(counted), len(counted), squares, math.sqrt(squares / max(1, len(logs) - 1)))


def to_estimate(measured: LogRatio) -> Estimate:
    """Turn the logarithm into a ratio with Student's interval and the p value of 1."""
    if measured.error < _ROUNDING:
        return _certain(measured.mean)
    from scipy.special import stdtr, stdtrit

    reach = measured.error * float(stdtrit(measured.freedom, (1 + CONFIDENCE) / 2))
    low, high = math.exp(measured.mean - reach), math.exp(measured.mean + reach)
    p_value = float(2 * stdtr(measured.freedom, -abs(measured.mean) / measured.error))
    return Estimate(math.exp(measured.mean), low, high, p_value)


def _certain(log_ratio: float) -> Estimate:
    """Return the limit of the t test without spread, which only made-up numbers have."""
    if abs(log_ratio) < _ROUNDING:
        return Estimate(1.0, 1.0, 1.0, 1.0)
    ratio = math.exp(log_ratio)
    return Estimate(ratio, ratio, ratio, 0.0)


def mark_unless(significant: bool | None, text: str) -> str:
    """Return the text, with n.s. if its value is known not to differ significantly."""
    return f"{text} n.s." if significant is False else text


def with_interval(estimate: Estimate | None, form: str) -> str:
    """Format the value and its interval: '14,726 (14,512 to 14,880)'; a dash for None."""
    if estimate is None:
        return NOTHING
    interval = f" ({' to '.join(format(end, form) for end in estimate.interval)})" if estimate.interval else ""
    return f"{estimate.value:{form}}{interval}"


def format_floor(floor: float | None) -> str:
    """Format a noise floor as the distance from 1: '2.1%'."""
    return "not known" if floor is None else f"{floor - 1:.1%}"
