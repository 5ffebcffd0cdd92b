"""Chart of the model: for each loader the predicted curve over the pool size, with the measured cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes

from experiments.analysis.queueing.fit import Fit, predict
from experiments.analysis.queueing.measurements import Family
from experiments.analysis.queueing.model import Model, Modelled
from experiments.analysis.stats import Estimate, estimate_median
from experiments.formatting import count, format_known, in_units, unit_of
from experiments.records.description import Description
from experiments.report.charts.canvas import BOLD, PADDING, SMALL, WIDTH, Key, Sheet, charting, draw_page, text_width
from experiments.report.charts.colors import BLACK, BLUE, ORANGE, PAPER
from experiments.report.charts.panels import CAPTION, draw_intervals, nice_top, panel_axes, set_heights, set_pool_axis
from experiments.report.labels import label_axes, one_line, setting_first, setting_of
from experiments.report.queueing import CHART_ALT

_QUESTION = "Do the costs per row with one connection and with a busy server predict all other pool sizes?"
_CURVE: Mapping[str, Any] = {"color": BLUE, "linewidth": 1.4}
_TESTED: Mapping[str, Any] = {"color": BLACK, "marker": "o", "markersize": 5, "linestyle": "none"}
_FITTED: Mapping[str, Any] = {**_TESTED, "markerfacecolor": PAPER}
_BOUND: Mapping[str, Any] = {"color": ORANGE, "linewidth": 1.0, "linestyle": (0, (5, 2))}
_KEY = (
    ("predicted", _CURVE),
    ("lowest bound", _BOUND),
    ("measured, not fitted on", _TESTED),
    ("measured, fitted on", _FITTED),
)

_PANEL_HEIGHT = 120.0
# As many panels beside each other as have room for their captions.
_BESIDE = (3, 2)
_BELOW = SMALL * 2.8


@dataclass(frozen=True)
class Panel:
    """One family on some cores: its fit and its cells, by pool size."""

    caption: str
    fit: Fit
    cells: tuple[Modelled, ...]

    @property
    def pools(self) -> list[int]:
        """Return the measured pool sizes, the smallest first."""
        return sorted(cell.point.poolsize for cell in self.cells)

    @property
    def highest(self) -> float:
        """Return the most rows per second, measured or predicted."""
        predicted = [cell.prediction.rows_per_s for cell in self.cells if cell.prediction]
        estimates = map(_estimate, self.cells)
        return max([*predicted, *(end for one in estimates for end in (one.value, one.high or 0.0))])


@dataclass(frozen=True)
class Row:
    """Panels beside each other, with one scale for all of the chart."""

    panels: tuple[Panel, ...]
    top: float
    first: int
    beside: int
    last: bool

    @property
    def height(self) -> float:
        """Return the height with captions and texts below the axes."""
        return CAPTION + _PANEL_HEIGHT + _BELOW + SMALL * 1.4 * self.last

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw each panel with its caption."""
        for column, panel in enumerate(self.panels):
            place = (column, self.beside)
            axes, width = panel_axes(sheet, top, _PANEL_HEIGHT, place, panel.caption, weight="bold")
            set_heights(axes, self.top, steps=4)
            set_pool_axis(axes, panel.pools, width)
            if self.last:
                axes.set_xlabel("connections (log scale)", fontsize=SMALL)
            _plot(axes, panel, self.first + column)


def draw_model(description: Description, model: Model) -> bytes:
    """Return the chart as SVG; the same model makes the same bytes."""
    unit = unit_of(cell.point.shown.cell.workload for cell in model.cells)
    panels = [replace(panel, caption=in_units(f"{panel.caption}, rows/s", unit)) for panel in panels_of(model)]
    top = nice_top(max(panel.highest for panel in panels))
    widest = BOLD * max(text_width(panel.caption) for panel in panels)
    fitting = (
        beside for beside in _BESIDE if beside <= len(panels) and widest < (WIDTH - 2 * PADDING) / beside - SMALL
    )
    beside = next(fitting, _BESIDE[-1])
    starts = range(0, len(panels), beside)
    rows = [Row(tuple(panels[start : start + beside]), top, start, beside, start == starts[-1]) for start in starts]
    tested = len(model.tested)
    foot = f"{description.campaign}; medians with 95% intervals; error: of the cells that it was not fitted on"
    error = format_known(model.median_error, ".1%", "")
    title = f"The model predicts {count(tested, 'cell')} with a median error of {error}" if error else "Fitted model"
    question, foot, alt = (in_units(text, unit) for text in (_QUESTION, foot, CHART_ALT))
    with charting():
        return draw_page(title, question, [Key(_KEY, WIDTH), *rows], [foot], WIDTH, alt)


def panels_of(model: Model) -> list[Panel]:
    """Return a panel for each family with a fit, each of its cores and networks with several pools, by setting."""
    groups: dict[tuple[Family, str, str], list[Modelled]] = {}
    for cell in model.cells:
        if cell.prediction is not None:
            shown = cell.point.shown.cell
            groups.setdefault((cell.point.family, shown.resources, shown.network), []).append(cell)
    several = {name: group for name, group in groups.items() if len({cell.point.poolsize for cell in group}) > 1}
    every = [cell.point.shown.cell for group in several.values() for cell in group]
    axes = setting_first(label_axes(every, {}, over="poolsize") or ("loader",))
    settings = list(dict.fromkeys(setting_of(cell, axes) for cell in every))
    return [
        Panel(one_line(group[0].point.shown.cell, axes), model.fits[group[0].point.family], tuple(group))
        for group in sorted(
            several.values(), key=lambda group: settings.index(setting_of(group[0].point.shown.cell, axes))
        )
    ]


def _plot(axes: Axes, panel: Panel, number: int) -> None:
    setup = panel.cells[0].point.setup
    first, last = panel.pools[0], panel.pools[-1]
    # Pool sizes about equally far from each other on a log scale.
    grid = sorted({round(first * (last / first) ** (step / 40)) for step in range(41)})
    one = panel.cells[0]
    # Of a network that is farther away than that of the cells it is fitted on.
    further_s = one.prediction.delay_s - panel.fit.delay_at(one.point.poolsize) if one.prediction else 0.0
    curve = [predict(panel.fit, pool, setup, extra_delay_s=further_s) for pool in grid]
    axes.plot(grid, [one.bounds.lowest for one in curve], gid=f"bound-{number}", zorder=2, **_BOUND)
    axes.plot(grid, [one.rows_per_s for one in curve], gid=f"line-predicted-{number}", zorder=3, **_CURVE)
    for name, looks, used in (("tested", _TESTED, False), ("fitted", _FITTED, True)):
        cells = [cell for cell in panel.cells if cell.used is used]
        x, y = [cell.point.poolsize for cell in cells], [_estimate(cell).value for cell in cells]
        axes.plot(x, y, gid=f"{name}-{number}", zorder=5, **looks)
    estimates = [(cell.point.poolsize, _estimate(cell)) for cell in panel.cells]
    known = [(pool, *one.interval) for pool, one in estimates if one.interval]
    draw_intervals(axes, known, f"intervals-{number}", color=_TESTED["color"], zorder=4)


def _estimate(cell: Modelled) -> Estimate:
    return estimate_median([sample.rows_per_s for sample in cell.point.blocks.values()])
