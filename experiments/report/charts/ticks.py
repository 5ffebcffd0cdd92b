"""Limits and ticks of a log axis."""

from __future__ import annotations

import math
from collections.abc import Iterable

# From fine to coarse: multiples of a step for what spans less than a decade, else these digits of every decade.
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_DIGITS = ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
_MOST_TICKS = 8
# Margin beyond the outermost point, as a part of the whole on a log axis.
_MARGIN = 0.04
_LEAST_SPAN = 1.1


def log_limits(values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of a log axis that holds 1 and all values above 0, with a margin."""
    usable = [value for value in values if 0 < value < math.inf]
    low, high = min([1 / _LEAST_SPAN, *usable]), max([_LEAST_SPAN, *usable])
    margin = (high / low) ** _MARGIN
    return low / margin, high * margin


def log_ticks(low: float, high: float) -> list[float]:
    """Return at most eight round values from low to high, both above 0, including 1 if it lies between."""
    candidates = [_multiples(step, low, high) for step in _STEPS if high / low < 10]
    candidates += [_decades(digits, low, high) for digits in _DIGITS]
    fitting = [ticks for ticks in candidates if len(ticks) <= _MOST_TICKS]
    return fitting[0] if fitting else _thinned(candidates[-1])


def _multiples(step: float, low: float, high: float) -> list[float]:
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [round(number * step, 2) for number in numbers]


def _decades(digits: tuple[int, ...], low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


def _thinned(ticks: list[float]) -> list[float]:
    """Return every n-th power of ten, including 1."""
    step = math.ceil(len(ticks) / _MOST_TICKS)
    return [tick for tick in ticks if round(math.log10(tick)) % step == 0]
