"""Axes of charts: panels with a caption, pool sizes, heights from 0, intervals, log axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from experiments.report.charts.canvas import PADDING, SMALL, Sheet, text_width
from experiments.report.charts.colors import RULE

CAPTION = 16.0
"""Height of the caption above a panel."""

TICKS_LEFT = 40.0
_BETWEEN = 14.0
# What is free left and right of the outermost pool sizes, as a factor.
_MARGIN = 1.25

# From fine to coarse: multiples of a step for what spans less than a decade, else these digits of every decade.
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_DIGITS = ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
_MOST_TICKS = 8
# Ends of axes: from 0, and on both sides of 1, with room for the mark of the outermost point.
_TOPS = (1, 2, 4, 6, 10, 20)
_RATIOS = (1.25, 2.0, 4.0, 10.0, 100.0)
_MARK = 1.02


def panel_axes(
    sheet: Sheet, top: float, height: float, place: tuple[int, int], caption: str, **looks: Any
) -> tuple[Axes, float]:
    """Return the axes and their width; ``place`` is the column, from 0, and the number of columns."""
    column, beside = place
    width = (sheet.width - 2 * PADDING - (beside - 1) * _BETWEEN) / beside
    left = PADDING + column * (width + _BETWEEN)
    sheet.write(caption, left, top + SMALL, **looks)
    axes = sheet.axes(left + TICKS_LEFT, top + CAPTION, width - TICKS_LEFT - 4, height)
    return axes, width - TICKS_LEFT


def set_heights(axes: Axes, top: float, *, steps: int) -> None:
    """Set an axis from 0 to ``top`` with round numbers, each with a line across."""
    axes.set_ylim(0, top or 1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=steps, min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def nice_top(highest: float) -> float:
    """Return the end of an axis from 0: one of few, so that campaigns of the same size have the same axis."""
    power = 10.0 ** math.floor(math.log10(highest)) if highest > 0 else 1.0
    return next(step * power for step in _TOPS if step * power >= highest)


def set_pool_axis(axes: Axes, pools: Sequence[int], width: float) -> None:
    """Set a log axis of these pool sizes, leaving out texts that would touch the one before."""
    axes.set_xscale("log")
    axes.set_xlim(pools[0] / _MARGIN, pools[-1] * _MARGIN)
    texts, end = [], -math.inf
    span = math.log(pools[-1] / pools[0]) + 2 * math.log(_MARGIN)
    for pool in pools:
        middle, half = math.log(pool / pools[0]) / span * width, text_width(str(pool)) / 2
        texts.append(str(pool) if middle - half > end + 3 else "")
        end = middle + half if texts[-1] else end
    set_ticks(axes, pools, texts)


def set_ticks(axes: Axes, positions: Sequence[float], texts: Sequence[str]) -> None:
    """Set these texts below the axis, and no others."""
    axes.xaxis.set_major_locator(FixedLocator(list(positions)))
    axes.xaxis.set_major_formatter(FixedFormatter(list(texts)))
    axes.xaxis.set_minor_locator(NullLocator())


def draw_intervals(axes: Axes, intervals: Sequence[tuple[float, float, float]], gid: str, **looks: Any) -> None:
    """Draw a vertical line for each (x, low, high)."""
    if intervals:
        x, low, high = zip(*intervals, strict=True)
        axes.vlines(x, low, high, linewidth=1.0, gid=gid, **looks)


def ratio_limits(values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of a log axis that holds 1 and all values above 0: of few, so that campaigns have the same."""
    usable = [1.0, *(value for value in values if 0 < value < math.inf)]
    ends = (1 / min(usable), max(usable))
    below, above = (next((one for one in _RATIOS if one >= end * _MARK), end * 1.1) for end in ends)
    return 1 / below, above


def decades(values: Iterable[float]) -> tuple[float, float]:
    """Return the powers of ten around all values above 0, so that campaigns have the same log axis."""
    exponents = [math.log10(value) for value in values if 0 < value < math.inf] or [0.0]
    low = math.floor(min(exponents))
    return 10.0**low, 10.0 ** max(math.ceil(max(exponents)), low + 1)


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
