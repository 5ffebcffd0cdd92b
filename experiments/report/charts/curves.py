"""The chart over an axis: a panel of rows/s and one of client CPU, a line for each combination of the other axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from experiments.analysis.stats import Estimate, estimate_median
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import axis_name
from experiments.report.charts.canvas import GREY, PADDING, RULE, SMALL, Key, Sheet, text_width
from experiments.report.charts.catalog import Curves, Line
from experiments.report.labels import value_text


@dataclass(frozen=True)
class Metric:
    """What a panel shows. ``name`` is that of its marks in the file."""

    name: str
    caption: str


# Dark enough for white paper, told apart by people who do not see all colours, and each with a marker and a dash of
# its own, so that no line needs its colour.
_LOOKS: tuple[Mapping[str, Any], ...] = (
    {"color": "#0b4f8a", "marker": "o", "linestyle": "-"},
    {"color": "#c2410c", "marker": "s", "linestyle": (0, (5, 2))},
    {"color": "#00694e", "marker": "^", "linestyle": (0, (1.5, 1.5))},
    {"color": "#1a1a1a", "marker": "D", "linestyle": (0, (6, 2, 1.5, 2))},
    {"color": "#93246f", "marker": "v", "linestyle": (0, (9, 2))},
    {"color": "#7a5b00", "marker": "P", "linestyle": (0, (3, 1.5, 1, 1.5, 1, 1.5))},
)
MOST_LINES = len(_LOOKS)
_CONTEXT: dict[str, Any] = {"color": "#c4c4c4", "linewidth": 0.7, "zorder": 1}
_APART: dict[str, Any] = {"facecolor": "#ededed", "edgecolor": "none"}
APART_TEXT = "free-threaded builds: a series of their own, hollow and not joined"

_TICKS_LEFT = 40.0
_BETWEEN = 14.0
_CAPTION = 14.0
# Values of a text axis that stand beside each other in half the width.
_MOST_IN_HALF = 8
# How far lines are moved apart at the same value, in parts of a step between two values.
_APART_STEP = 0.13


METRICS = (
    Metric("rows", "rows/s"),
    Metric("cpu", "client CPU, µs per row"),
)


@dataclass(frozen=True)
class Panels:
    """One line of panels. ``others``: lines of other panels, drawn in grey. ``tops``: where each metric's axis ends."""

    axis: str
    values: tuple[str, ...]
    series: tuple[Series, ...]
    others: tuple[Series, ...]
    tops: tuple[float | None, ...]
    panel_height: float
    number: int
    """Counted from 0 down the sheet; it makes ids in the file unique."""
    last: bool = True
    """Whether the axis below it has its name."""

    @property
    def stacked(self) -> bool:
        """Whether the panels stand below each other, as there are too many values for half the width."""
        return self.axis != "poolsize" and len(self.values) > _MOST_IN_HALF

    @property
    def height(self) -> float:
        """With the captions and what stands below the axes."""
        return self._one_height() * (len(METRICS) if self.stacked else 1)

    def draw(self, sheet: Sheet, top: float) -> None:
        """Each metric in a panel of its own."""
        full = sheet.width - 2 * PADDING
        width = full if self.stacked else (full - _BETWEEN) / len(METRICS)
        for place, metric in enumerate(METRICS):
            left = PADDING + (0 if self.stacked else place * (width + _BETWEEN))
            above = top + (place * self._one_height() if self.stacked else 0)
            sheet.write(metric.caption, left, above + SMALL, color=GREY)
            axes = sheet.axes(left + _TICKS_LEFT, above + _CAPTION, width - _TICKS_LEFT - 4, self.panel_height)
            self._prepare(axes, width - _TICKS_LEFT, self.tops[place])
            self._plot(axes, place)

    def key(self, width: float, texts: Sequence[str]) -> Key:
        """What the lines are, in the order of ``series``."""
        return Key(tuple((text, _line(looks)) for text, looks in zip(texts, _LOOKS, strict=False)), width, below=4.0)

    def _one_height(self) -> float:
        texts = 2 if any(" " in value for value in self.values) else 1
        return _CAPTION + self.panel_height + SMALL * (1.6 + 1.3 * texts + (1.9 if self.last else 0.0))

    def _positions(self) -> list[float]:
        return [float(value) if self.axis == "poolsize" else number for number, value in enumerate(self.values)]

    def _prepare(self, axes: Axes, width: float, highest: float | None) -> None:
        positions = self._positions()
        if self.axis == "poolsize":
            axes.set_xscale("log")
            axes.set_xlim(positions[0] / 1.25, positions[-1] * 1.25)
        else:
            axes.set_xlim(-0.5, len(positions) - 0.5)
        axes.set_ylim(0, highest or 1)
        if highest is None:
            axes.set_yticks([])
            axes.text(
                0.5, 0.5, "no run with a result", transform=axes.transAxes, ha="center", color=GREY, style="italic"
            )
        else:
            _set_heights(axes, many=self.panel_height > 150)
        axes.xaxis.set_major_locator(FixedLocator(positions))
        axes.xaxis.set_major_formatter(FixedFormatter(self._tick_texts(width)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", length=3)
        if self.last:
            axes.set_xlabel(axis_name(self.axis) + (" (log scale)" if self.axis == "poolsize" else ""), fontsize=SMALL)
        for position, value in zip(positions, self.values, strict=True):
            if is_apart(self.axis, value):
                axes.axvspan(position - 0.5, position + 0.5, zorder=0, **_APART)

    def _tick_texts(self, width: float) -> list[str]:
        """The values; one that would touch the text before it is left out."""
        if self.axis != "poolsize":
            return [value.replace(" ", "\n", 1) for value in self.values]
        texts, end = [], -math.inf
        logs = [math.log(position) for position in self._positions()]
        span = logs[-1] - logs[0] + 2 * math.log(1.25)
        for value, log in zip(self.values, logs, strict=True):
            middle, half = (log - logs[0]) / span * width, text_width(value) / 2
            texts.append(value if middle - half > end + 3 else "")
            end = middle + half if texts[-1] else end
        return texts

    def _plot(self, axes: Axes, metric: int) -> None:
        for other in self.others:
            axes.plot(*_joined(self._places(other, metric, 0.0)), **_CONTEXT)
        middle = (len(self.series) - 1) / 2
        for number, series in enumerate(self.series):
            places = self._places(series, metric, (number - middle) * _APART_STEP)
            name = f"{METRICS[metric].name}-{self.number}-{number}"
            _plot_line(axes, places, _LOOKS[number % len(_LOOKS)], name)

    def _places(self, series: Series, metric: int, shift: float) -> list[_Place]:
        """The points of a line where they are drawn: beside those of other lines, not on them."""
        places = []
        for value, position in zip(self.values, self._positions(), strict=True):
            estimate = series.points[metric].get(value)
            moved = position * 1.6**shift if self.axis == "poolsize" else position + shift
            apart = is_apart(self.axis, value)
            if estimate is None:
                # A gap in the line, but none where free-threaded builds stand between its points.
                places += [] if apart else [_Place(moved, math.nan, None, apart)]
            else:
                ends = None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)
                places.append(_Place(moved, estimate.value, ends, apart))
        return places


@dataclass(frozen=True)
class _Place:
    x: float
    y: float
    interval: tuple[float, float] | None
    apart: bool


def is_apart(axis: str, value: str) -> bool:
    """Whether this value of the axis is of another series: a free-threaded build of the interpreter."""
    return axis == "python" and value.split(" ")[0].endswith("t")


def apart_entry() -> tuple[str, Mapping[str, Any]]:
    """The entry of the key for free-threaded builds."""
    return APART_TEXT, _APART


def _set_heights(axes: Axes, *, many: bool) -> None:
    """Round numbers up the axis, each with a line across."""
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5 if many else 3, min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def _line(looks: Mapping[str, Any]) -> dict[str, Any]:
    return {"linewidth": 1.4, "markersize": 5, **looks}


def _joined(places: Sequence[_Place]) -> tuple[list[float], list[float]]:
    joined = [place for place in places if not place.apart]
    return [place.x for place in joined], [place.y for place in joined]


def _plot_line(axes: Axes, places: Sequence[_Place], looks: Mapping[str, Any], name: str) -> None:
    axes.plot(*_joined(places), gid=f"line-{name}", zorder=3, **_line(looks))
    apart = [place for place in places if place.apart]
    if apart:
        hollow = {**_line(looks), "linestyle": "none", "markerfacecolor": "white", "zorder": 3}
        axes.plot([place.x for place in apart], [place.y for place in apart], gid=f"apart-{name}", **hollow)
    intervals = list(_intervals(places))
    if intervals:
        x, low, high = zip(*intervals, strict=True)
        axes.vlines(x, low, high, color=looks["color"], linewidth=1.0, zorder=2, gid=f"intervals-{name}")


def _intervals(places: Sequence[_Place]) -> Iterator[tuple[float, float, float]]:
    for place in places:
        if place.interval is not None:
            yield place.x, *place.interval


@dataclass(frozen=True)
class Series:
    """One line: for each of ``METRICS`` the medians by value of the axis. Values without a good run are not there."""

    label: tuple[str, ...]
    points: tuple[Mapping[str, Estimate], ...]


def series_of(curves: Curves, summary: ExperimentSummary) -> tuple[Series, ...]:
    """The lines in their order, those too that have no point."""
    cells = {cell.shown.cell_key: cell for cell in summary.cells if cell.shown.arm == "a"}
    return tuple(_series(line, curves.axis, cells) for line in curves.lines)


def top_of(series: Sequence[Series], metric: int) -> float | None:
    """Where a panel's axis ends that begins at 0 and holds all points with their intervals; None without points."""
    highest = [
        point.value if point.high is None else point.high for one in series for point in one.points[metric].values()
    ]
    return 1.06 * max(highest) if highest else None


def _series(line: Line, axis: str, cells: Mapping[str, CellSummary]) -> Series:
    by_value = {value_text(shown.cell, axis): cells[shown.cell_key] for shown in line.cells}
    rows = {value: cell.rows_per_s for value, cell in by_value.items() if cell.rows_per_s is not None}
    cpu = {value: estimate for value, cell in by_value.items() if (estimate := _cpu(cell)) is not None}
    return Series(line.label, (rows, cpu))


def _cpu(cell: CellSummary) -> Estimate | None:
    values = [record.cpu_us_per_row for record in cell.ok if record.cpu_us_per_row is not None]
    return estimate_median(values) if values else None
