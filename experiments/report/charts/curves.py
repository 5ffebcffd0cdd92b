"""Panels of a chart over an axis: one of rows/s, one of client CPU, with a line for each combination of other axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from experiments.analysis.stats import Estimate, estimate_median
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import axis_name, in_units
from experiments.report.charts import colors
from experiments.report.charts.canvas import SMALL, Key, Sheet
from experiments.report.charts.catalog import Curves, Line
from experiments.report.charts.colors import GREY
from experiments.report.charts.panels import (
    CAPTION,
    draw_intervals,
    nice_top,
    panel_axes,
    set_heights,
    set_pool_axis,
    set_ticks,
)
from experiments.report.labels import value_text


@dataclass(frozen=True)
class Series:
    """One line: for each of ``METRICS`` the medians by value of the axis; values without a good run are absent."""

    label: tuple[str, ...]
    points: tuple[Mapping[str, Estimate], ...]


@dataclass(frozen=True)
class _Place:
    """A point of a line on its panel."""

    x: float
    y: float
    interval: tuple[float, float] | None
    apart: bool


# The name is part of the ids of marks in the file.
METRICS = {"rows": "rows/s", "cpu": "client CPU, µs per row"}
# Dark enough for white paper, distinct for people who do not see all colours, and each with a marker and a dash of
# its own, so that no line needs its colour.
LOOKS: tuple[Mapping[str, Any], ...] = (
    {"color": colors.BLUE, "marker": "o", "linestyle": "-"},
    {"color": colors.ORANGE, "marker": "s", "linestyle": (0, (5, 2))},
    {"color": colors.GREEN, "marker": "^", "linestyle": (0, (1.5, 1.5))},
    {"color": colors.BLACK, "marker": "D", "linestyle": (0, (6, 2, 1.5, 2))},
    {"color": colors.PURPLE, "marker": "v", "linestyle": (0, (9, 2))},
    {"color": colors.BROWN, "marker": "P", "linestyle": (0, (3, 1.5, 1, 1.5, 1, 1.5))},
)
MOST_LINES = len(LOOKS)
_APART: dict[str, Any] = {"facecolor": colors.PEARL, "edgecolor": "none"}
APART_ENTRY = ("free-threaded builds: a series of their own, hollow and not joined", _APART)

# Values of a text axis that stand beside each other in half the width.
_MOST_IN_HALF = 8
# How far lines are moved apart at the same value, in parts of a step between two values.
_APART_STEP = 0.13


@dataclass(frozen=True)
class Panels:
    """Panels of one group of lines. ``tops`` are the ends of the metrics' axes, the same on all of the sheet."""

    axis: str
    values: tuple[str, ...]
    series: tuple[Series, ...]
    tops: tuple[float, ...]
    panel_height: float
    number: int
    """Counted from 0 down the sheet; it makes ids in the file unique."""
    unit: str = "row"
    last: bool = True
    """The axis below it has its name."""

    @property
    def stacked(self) -> bool:
        """Tell if the panels stand below each other: half the width is too little for so many values."""
        return self.axis != "poolsize" and len(self.values) > _MOST_IN_HALF

    @property
    def height(self) -> float:
        """Return the height with captions and texts below the axes."""
        return self._one_height() * (len(METRICS) if self.stacked else 1)

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw each metric in a panel of its own."""
        beside = 1 if self.stacked else len(METRICS)
        for place, caption in enumerate(METRICS.values()):
            above = top + (place * self._one_height() if self.stacked else 0)
            column = 0 if self.stacked else place
            axes, width = panel_axes(
                sheet, above, self.panel_height, (column, beside), in_units(caption, self.unit), color=GREY
            )
            self._prepare(axes, width, self.tops[place])
            self._plot(axes, place)

    def key(self, width: float, texts: Sequence[str]) -> Key:
        """Return the key of the lines, in the order of ``series``."""
        return Key(tuple((text, _line(looks)) for text, looks in zip(texts, LOOKS, strict=False)), width, below=4.0)

    def _one_height(self) -> float:
        texts = 2 if any(" " in value for value in self.values) else 1
        return CAPTION + self.panel_height + SMALL * (1.6 + 1.3 * texts + (1.9 if self.last else 0.0))

    def _positions(self) -> list[float]:
        return [float(value) if self.axis == "poolsize" else number for number, value in enumerate(self.values)]

    def _prepare(self, axes: Axes, width: float, highest: float) -> None:
        set_heights(axes, highest, steps=4 if self.panel_height > 150 else 2)
        if self.axis == "poolsize":
            set_pool_axis(axes, [int(value) for value in self.values], width)
        else:
            axes.set_xlim(-0.5, len(self.values) - 0.5)
            set_ticks(axes, self._positions(), [value.replace(" ", "\n", 1) for value in self.values])
        axes.tick_params(axis="x", length=3)
        if self.last:
            axes.set_xlabel(axis_name(self.axis) + (" (log scale)" if self.axis == "poolsize" else ""), fontsize=SMALL)
        for position, value in zip(self._positions(), self.values, strict=True):
            if is_apart(self.axis, value):
                axes.axvspan(position - 0.5, position + 0.5, zorder=0, **_APART)

    def _plot(self, axes: Axes, metric: int) -> None:
        middle = (len(self.series) - 1) / 2
        for number, series in enumerate(self.series):
            places = self._places(series, metric, (number - middle) * _APART_STEP)
            name = f"{list(METRICS)[metric]}-{self.number}-{number}"
            _plot_line(axes, places, LOOKS[number % len(LOOKS)], name)

    def _places(self, series: Series, metric: int, shift: float) -> list[_Place]:
        """Return the points of a line, moved beside those of other lines."""
        places = []
        for value, position in zip(self.values, self._positions(), strict=True):
            estimate = series.points[metric].get(value)
            moved = position * 1.6**shift if self.axis == "poolsize" else position + shift
            apart = is_apart(self.axis, value)
            if estimate is not None:
                places.append(_Place(moved, estimate.value, estimate.interval, apart))
            elif not apart:
                # A gap in the line, but none where free-threaded builds stand between its points.
                places.append(_Place(moved, math.nan, None, apart))
        return places


def is_apart(axis: str, value: str) -> bool:
    """Tell if this value of the axis is a series of its own: a free-threaded build of the interpreter."""
    return axis == "python" and value.split(" ")[0].endswith("t")


def _line(looks: Mapping[str, Any]) -> dict[str, Any]:
    return {"linewidth": 1.4, "markersize": 5, **looks}


def _joined(places: Sequence[_Place]) -> tuple[list[float], list[float]]:
    joined = [place for place in places if not place.apart]
    return [place.x for place in joined], [place.y for place in joined]


def _plot_line(axes: Axes, places: Sequence[_Place], looks: Mapping[str, Any], name: str) -> None:
    axes.plot(*_joined(places), gid=f"line-{name}", zorder=3, **_line(looks))
    apart = [place for place in places if place.apart]
    if apart:
        hollow = {**_line(looks), "linestyle": "none", "markerfacecolor": colors.PAPER, "zorder": 3}
        axes.plot([place.x for place in apart], [place.y for place in apart], gid=f"apart-{name}", **hollow)
    intervals = [(place.x, *place.interval) for place in places if place.interval is not None]
    draw_intervals(axes, intervals, f"intervals-{name}", color=looks["color"], zorder=2)


def series_of(curves: Curves, summary: ExperimentSummary) -> tuple[Series, ...]:
    """Return the lines in their order, with those without a point."""
    cells = {cell.shown.cell_key: cell for cell in summary.cells if cell.shown.arm == "a"}
    return tuple(_series(line, curves.axis, cells) for line in curves.lines)


def peaks_of(series: Sequence[Series]) -> list[str]:
    """Return the value of the axis at which each line has most rows/s."""
    rates = [{value: one.value for value, one in each.points[0].items()} for each in series]
    return [max(each, key=each.__getitem__) for each in rates if each]


def tops_of(series: Sequence[Series]) -> tuple[float, ...]:
    """Return the ends of the metrics' axes, which hold all points with their intervals."""
    points = [[point for one in series for point in one.points[metric].values()] for metric in range(len(METRICS))]
    highest = [max((one.high or one.value for one in each), default=1.0) for each in points]
    return tuple(map(nice_top, highest))


def _series(line: Line, axis: str, cells: Mapping[str, CellSummary]) -> Series:
    by_value = {value_text(shown.cell, axis): cells[shown.cell_key] for shown in line.cells}
    rows = {value: cell.rows_per_s for value, cell in by_value.items() if cell.rows_per_s is not None}
    cpu = {value: estimate for value, cell in by_value.items() if (estimate := _cpu(cell)) is not None}
    return Series(line.label, (rows, cpu))


def _cpu(cell: CellSummary) -> Estimate | None:
    values = [record.cost_us for record in cell.ok if record.cost_us is not None]
    return estimate_median(values) if values else None
