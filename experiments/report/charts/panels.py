"""Panels of curves: axes with a caption, a scale of pool sizes, heights from 0, intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from experiments.report.charts.canvas import PADDING, RULE, SMALL, Sheet, text_width

CAPTION = 14.0
"""Height of the caption above a panel."""

_TICKS_LEFT = 40.0
_BETWEEN = 14.0
# What is free left and right of the outermost pool sizes, as a factor.
_MARGIN = 1.25


def panel_axes(
    sheet: Sheet, top: float, height: float, place: tuple[int, int], caption: str, **looks: Any
) -> tuple[Axes, float]:
    """Return the axes and their width; ``place`` is the column, from 0, and the number of columns."""
    column, beside = place
    width = (sheet.width - 2 * PADDING - (beside - 1) * _BETWEEN) / beside
    left = PADDING + column * (width + _BETWEEN)
    sheet.write(caption, left, top + SMALL, **looks)
    axes = sheet.axes(left + _TICKS_LEFT, top + CAPTION, width - _TICKS_LEFT - 4, height)
    return axes, width - _TICKS_LEFT


def set_heights(axes: Axes, top: float, *, steps: int) -> None:
    """Set an axis from 0 to ``top`` with round numbers, each with a line across."""
    axes.set_ylim(0, top or 1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=steps, min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


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
