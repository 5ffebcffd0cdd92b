"""The chart of the model: for each contestant the predicted curve over the pool size, through what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from experiments.analysis.queueing.fit import Fit, predict
from experiments.analysis.queueing.model import Model, Modelled
from experiments.analysis.stats import Estimate, estimate_median
from experiments.formatting import NOTHING, whole
from experiments.records.description import Description
from experiments.report.charts.canvas import (
    BODY,
    GREY,
    PADDING,
    RULE,
    SMALL,
    TITLE,
    WIDTH,
    Key,
    Lines,
    Piece,
    Sheet,
    charting,
    draw_sheet,
    text_width,
    wrap,
)
from experiments.report.labels import label_axes, label_of
from experiments.report.queueing import CHART_ALT

_QUESTION = "Do a few costs per row, measured with one connection and with a busy server, tell all other pool sizes?"
_CURVE: Mapping[str, Any] = {"color": "#0b4f8a", "linewidth": 1.4}
_TESTED: Mapping[str, Any] = {"color": "#1a1a1a", "marker": "o", "markersize": 5, "linestyle": "none"}
_FITTED: Mapping[str, Any] = {**_TESTED, "markerfacecolor": "white"}
_BOUND: Mapping[str, Any] = {"color": "#c2410c", "linewidth": 1.0, "linestyle": (0, (5, 2))}
_KEY = (
    ("predicted", _CURVE),
    ("lowest bound", _BOUND),
    ("measured, not fitted on", _TESTED),
    ("measured, fitted on", _FITTED),
)

_PANEL_HEIGHT = 120.0
_TICKS_LEFT = 40.0
_BETWEEN = 14.0
_BESIDE = 2
_CAPTION = 14.0
_BELOW = SMALL * 2.8


@dataclass(frozen=True)
class Panel:
    """One contestant on some cores: its fit and its cells, by pool size."""

    caption: str
    fit: Fit
    cells: tuple[Modelled, ...]

    @property
    def pools(self) -> list[int]:
        """The pool sizes that were measured, the smallest first."""
        return sorted(cell.point.poolsize for cell in self.cells)

    @property
    def highest(self) -> float:
        """The most rows per second that are measured or predicted."""
        return max(max(_estimate(cell).high or 0.0, _estimate(cell).value, _predicted(cell)) for cell in self.cells)


@dataclass(frozen=True)
class Row:
    """Panels beside each other, with one scale for all of the chart."""

    panels: tuple[Panel, ...]
    top: float
    number: int

    @property
    def height(self) -> float:
        """With captions and what stands below the axes."""
        return _CAPTION + _PANEL_HEIGHT + _BELOW

    def draw(self, sheet: Sheet, top: float) -> None:
        """Each panel with its caption."""
        width = (sheet.width - 2 * PADDING - _BETWEEN) / _BESIDE
        for place, panel in enumerate(self.panels):
            left = PADDING + place * (width + _BETWEEN)
            sheet.write(panel.caption, left, top + SMALL, weight="bold")
            axes = sheet.axes(left + _TICKS_LEFT, top + _CAPTION, width - _TICKS_LEFT - 4, _PANEL_HEIGHT)
            _prepare(axes, panel.pools, self.top, width - _TICKS_LEFT)
            _plot(axes, panel, self.number * _BESIDE + place)


def panels_of(model: Model) -> list[Panel]:
    """A panel for each contestant with a fit and each of its cores on which there are several pools."""
    groups: dict[tuple[Any, ...], list[Modelled]] = {}
    for cell in model.cells:
        if cell.prediction is not None:
            groups.setdefault((cell.point.contestant, cell.point.shown.cell.resources), []).append(cell)
    several = {name: group for name, group in groups.items() if len({cell.point.poolsize for cell in group}) > 1}
    shown = [cell.point.shown.cell for group in several.values() for cell in group]
    axes = label_axes(shown, {}, over="poolsize") or ("loader",)
    return [
        Panel(_caption(label_of(group[0].point.shown.cell, axes)), model.fits[group[0].point.contestant], tuple(group))
        for group in several.values()
    ]


def draw_model(description: Description, model: Model) -> bytes:
    """The chart as SVG; the same model makes the same bytes."""
    panels = panels_of(model)
    top = 1.06 * max(panel.highest for panel in panels)
    with charting():
        rows = [
            Row(tuple(panels[start : start + _BESIDE]), top, number)
            for number, start in enumerate(range(0, len(panels), _BESIDE))
        ]
        question = Lines(wrap(_QUESTION, WIDTH - 2 * PADDING, BODY), size=BODY, below=8.0)
        title = Lines(("Campaign, and predicted by the model",), size=TITLE, weight="bold")
        pieces: list[Piece] = [title, question, Key(_KEY, WIDTH), *rows, _foot(description, model)]
        return draw_sheet(pieces, WIDTH, "Campaign, and predicted by the model", CHART_ALT)


def _caption(label: Sequence[str]) -> str:
    return ", ".join(text for text in label if text != NOTHING)


def _foot(description: Description, model: Model) -> Lines:
    error = "not known" if model.median_error is None else f"{model.median_error:.1%}"
    texts = [f"rows/s over pool size (log scale); {description.campaign}; median error of cells not fitted on: {error}"]
    return Lines(tuple(line for text in texts for line in wrap(text, WIDTH - 2 * PADDING, SMALL)), color=GREY)


def _prepare(axes: Axes, pools: Sequence[int], top: float, width: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(pools[0] / 1.25, pools[-1] * 1.25)
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: whole(value)))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(FixedLocator([float(pool) for pool in pools]))
    axes.xaxis.set_major_formatter(FixedFormatter(_tick_texts(pools, width)))
    axes.xaxis.set_minor_locator(NullLocator())


def _tick_texts(pools: Sequence[int], width: float) -> list[str]:
    """The pool sizes; one that would touch the text before it is left out."""
    texts: list[str] = []
    end = -math.inf
    span = math.log(pools[-1] / pools[0]) + 2 * math.log(1.25)
    for pool in pools:
        middle, half = (math.log(pool / pools[0]) / span) * width, text_width(str(pool)) / 2
        texts.append(str(pool) if middle - half > end + 3 else "")
        end = middle + half if texts[-1] else end
    return texts


def _plot(axes: Axes, panel: Panel, number: int) -> None:
    setup = panel.cells[0].point.setup
    grid = _grid(panel.pools[0], panel.pools[-1])
    curve = [predict(panel.fit, pool, setup) for pool in grid]
    axes.plot(grid, [one.bounds.lowest for one in curve], gid=f"bound-{number}", zorder=2, **_BOUND)
    axes.plot(grid, [one.rows_per_s for one in curve], gid=f"line-predicted-{number}", zorder=3, **_CURVE)
    for name, looks, used in (("tested", _TESTED, False), ("fitted", _FITTED, True)):
        cells = [cell for cell in panel.cells if cell.used is used]
        x, y = [cell.point.poolsize for cell in cells], [_estimate(cell).value for cell in cells]
        axes.plot(x, y, gid=f"{name}-{number}", zorder=5, **looks)
    known = [(cell.point.poolsize, one.low, one.high) for cell in panel.cells if (one := _estimate(cell)).low]
    if known:
        x, low, high = (list(values) for values in zip(*known, strict=True))
        axes.vlines(x, low, high, color=_TESTED["color"], linewidth=1.0, zorder=4, gid=f"intervals-{number}")


def _grid(first: int, last: int) -> list[int]:
    """Pool sizes that are about equally far from each other on a log scale, the first and the last among them."""
    steps = 40
    return sorted({round(first * (last / first) ** (step / steps)) for step in range(steps + 1)})


def _estimate(cell: Modelled) -> Estimate:
    return estimate_median([sample.rows_per_s for sample in cell.point.blocks.values()])


def _predicted(cell: Modelled) -> float:
    return cell.prediction.rows_per_s if cell.prediction else 0.0
