"""Panels of the chart of response times over the offered rate: p50 and p99, a line for each loader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from experiments.analysis.response_times import ResponseTimes
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.report.charts.canvas import SMALL, Key, Sheet, split_evenly
from experiments.report.charts.colors import CONTEXT, GREY, RULE
from experiments.report.charts.curves import LOOKS, MOST_LINES
from experiments.report.charts.panels import (
    CAPTION,
    decades,
    draw_intervals,
    log_ticks,
    nice_top,
    panel_axes,
)
from experiments.report.labels import join_label, label_of

SHOWN = ("p50", "p99")
_HEIGHT = 190.0
_CONTEXT: dict[str, Any] = {"color": CONTEXT, "linewidth": 0.7, "zorder": 1}
_SATURATED: dict[str, Any] = {"marker": "x", "markersize": 5, "markeredgewidth": 1.4, "linestyle": "none"}
SATURATED_ENTRY = ("saturated: arrivals outrun it", {**_SATURATED, "color": GREY})


@dataclass(frozen=True)
class Series:
    """The open loops of one loader, by the offered rate."""

    label: str
    points: tuple[ResponseTimes, ...]


@dataclass(frozen=True)
class LatencyPanels:
    """Both panels of one group of lines; ``others`` are drawn in grey. ``number`` makes ids in the file unique."""

    series: tuple[Series, ...]
    others: tuple[Series, ...]
    unit: str
    number: int

    @property
    def height(self) -> float:
        """Return the height with captions and texts below the axes."""
        return CAPTION + _HEIGHT + SMALL * 4.4

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw the panels beside each other, with one scale of time."""
        low, high = decades(list(_times_ms((*self.series, *self.others))))
        for column, name in enumerate(SHOWN):
            caption = f"{name} of the response time, ms (log scale)"
            axes, _ = panel_axes(sheet, top, _HEIGHT, (column, len(SHOWN)), caption, color=GREY)
            self._prepare(axes, low, high)
            for other in self.others:
                axes.plot(*_line(other, name), **_CONTEXT)
            for place, one in enumerate(self.series):
                self._plot(axes, one, name, place, high)

    def key(self, width: float) -> Key:
        """Return the key of the lines."""
        entries = [(one.label, _looks(place)) for place, one in enumerate(self.series)]
        return Key((*entries, SATURATED_ENTRY), width, below=4.0)

    def _prepare(self, axes: Axes, low: float, high: float) -> None:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        ticks = log_ticks(low, high)
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", length=3)
        axes.grid(visible=True, axis="y", color=RULE, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlim(0, nice_top(highest_rate((*self.series, *self.others))))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.set_xlabel(f"{self.unit}s per second offered", fontsize=SMALL)

    def _plot(self, axes: Axes, one: Series, name: str, place: int, high: float) -> None:
        gid = f"{name}-{self.number}-{place}"
        axes.plot(*_line(one, name), gid=f"line-{gid}", zorder=3, **_looks(place))
        known = [(point.offered, point.response_s[name].interval) for point in one.points if name in point.response_s]
        intervals = [(x, ends[0] * 1e3, ends[1] * 1e3) for x, ends in known if ends is not None]
        draw_intervals(axes, intervals, f"intervals-{gid}", color=_looks(place)["color"], zorder=2)
        rates = [point.offered for point in one.points if point.is_saturated]
        # At the upper edge, one below the other where several loaders are saturated.
        height = high / (1.12 + 0.1 * place)
        looks = {**_SATURATED, "color": _looks(place)["color"]}
        axes.plot(rates, [height] * len(rates), gid=f"saturated-{gid}", zorder=4, **looks)


def latency_series(summary: ExperimentSummary, axes: Sequence[str]) -> tuple[Series, ...]:
    """Return the loaders in the order of the table, each with its rates from low to high."""
    cells: dict[str, list[CellSummary]] = {}
    for cell in summary.cells:
        if cell.shown.arm == "a" and cell.response is not None:
            label = join_label(label_of(cell.shown.cell, [axis for axis in axes if axis != "arrivals"]))
            cells.setdefault(label, []).append(cell)
    return tuple(
        Series(label, tuple(sorted((one.response for one in some if one.response), key=lambda one: one.offered)))
        for label, some in cells.items()
    )


def first_saturated(series: Sequence[Series]) -> dict[str, float]:
    """Return the lowest rate that saturates each loader, without those that none saturates."""
    rates = {one.label: [point.offered for point in one.points if point.is_saturated] for one in series}
    return {label: min(some) for label, some in rates.items() if some}


def highest_rate(series: Sequence[Series]) -> float:
    """Return the highest rate that was offered."""
    return max(point.offered for one in series for point in one.points)


def latency_panels(series: Sequence[Series], unit: str) -> list[LatencyPanels]:
    """Return panels with at most as many lines as have looks of their own."""
    return [
        LatencyPanels(tuple(part), tuple(one for one in series if one not in part), unit, number)
        for number, part in enumerate(split_evenly(series, MOST_LINES))
    ]


def _times_ms(series: Sequence[Series]) -> list[float]:
    estimates = [point.response_s[name] for one in series for point in one.points for name in point.response_s]
    shown = [one for one in estimates if one]
    return [end * 1e3 for one in shown for end in (one.value, one.low, one.high) if end is not None]


def _line(one: Series, name: str) -> tuple[list[float], list[float]]:
    """Return the points of a line, with a gap where it is saturated."""
    times_s = [point.response_s[name].value if name in point.response_s else math.nan for point in one.points]
    return [point.offered for point in one.points], [time_s * 1e3 for time_s in times_s]


def _looks(place: int) -> Mapping[str, Any]:
    return {"linewidth": 1.4, "markersize": 5, **LOOKS[place % len(LOOKS)]}
