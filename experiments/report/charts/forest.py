"""Chart of the ratios to the baseline with their intervals, a line for each row, on a log axis."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from matplotlib.axes import Axes

from experiments.analysis.stats import Estimate
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import format_known, in_units
from experiments.report.charts.canvas import PADDING, SMALL, Key, Sheet
from experiments.report.charts.colors import BLACK, BLUE, GREY, PAPER, RULE, SHADE
from experiments.report.charts.columns import Columns
from experiments.report.charts.panels import log_ticks, ratio_limits, set_ticks
from experiments.report.charts.rows import by_setting, has_ratio
from experiments.report.labels import label_of, name_setting, setting_first, setting_of


class Mark(Enum):
    """Meaning of a row's point; the value is the id of such points in the file."""

    BASELINE = "baseline"
    AGAIN = "baseline-again"
    SIGNIFICANT = "significant"
    NOISE = "not-significant"
    UNCLAIMED = "nothing-claimed"


@dataclass(frozen=True)
class ForestRow:
    """One row of the table. ``numbers`` are rows/s and client CPU; the baseline has no ratio."""

    setting: tuple[str, ...]
    loader: tuple[str, ...]
    numbers: tuple[str, str]
    mark: Mark
    ratio: Estimate | None


_LINE: dict[str, Any] = {"color": BLUE, "linewidth": 1.3}
_DIAMOND: dict[str, Any] = {"marker": "D", "markeredgecolor": BLACK, "markersize": 5}
_DOT: dict[str, Any] = {"marker": "o", "markeredgecolor": BLUE, "markersize": 5.5}
_CROSS: dict[str, Any] = {"marker": "x", "markeredgecolor": BLUE, "markeredgewidth": 1.4, "markersize": 5}
_MARKS: Mapping[Mark, tuple[str, dict[str, Any]]] = {
    Mark.BASELINE: ("baseline", {**_DIAMOND, "markerfacecolor": BLACK}),
    Mark.AGAIN: ("the baseline again", {**_DIAMOND, "markerfacecolor": PAPER}),
    Mark.SIGNIFICANT: ("significant", {**_DOT, "markerfacecolor": BLUE}),
    Mark.NOISE: ("not significant", {**_DOT, "markerfacecolor": PAPER}),
    Mark.UNCLAIMED: ("no interval or no noise floor: nothing is claimed", _CROSS),
}
_WITHOUT_INTERVAL = (Mark.BASELINE, Mark.UNCLAIMED)
_BAND: dict[str, Any] = {"facecolor": SHADE, "edgecolor": GREY, "linestyle": (0, (2, 2)), "linewidth": 0.6}

_ROW = 15.0
_HEAD = 36.0
_FOOT = 22.0
_NUMBERS = ("rows/s", "client CPU\nµs/row")
# From this many rows on each setting with several loaders has a heading of its own.
_GROUPED_FROM = 12


@dataclass(frozen=True)
class Forest:
    """Rows below each other. ``headings`` are those of setting and loader, ``floor`` is a factor above 1."""

    headings: tuple[str, ...]
    rows: tuple[ForestRow, ...]
    floor: float | None
    unit: str = "row"

    @property
    def grouped(self) -> bool:
        """Return whether settings stand in headings between the rows."""
        settings = len({row.setting for row in self.rows})
        return len(self.rows) >= _GROUPED_FROM and 1 < settings <= len(self.rows) / 2

    @property
    def width(self) -> float:
        """Return the least width of its sheet."""
        return self._columns.width

    @property
    def height(self) -> float:
        """Return the height with the axis above and the space below."""
        return _HEAD + _ROW * len(self._slots) + _FOOT

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw labels on the left, points and intervals, and numbers on the right."""
        self._columns.write_headings(sheet, top + _HEAD - 8)
        label = in_units("ratio of rows/s to the baseline (log scale); right of 1 is faster", self.unit)
        axes = self._columns.axes(sheet, top + _HEAD, _ROW * len(self._slots), len(self._slots), label)
        self._prepare(axes)
        self._plot(axes)
        for number, slot in enumerate(self._slots):
            self._write(sheet, slot, top + _HEAD + _ROW * (number + 0.5) + SMALL * 0.36)

    def key(self, width: float) -> Key:
        """Return the key of the marks in use."""
        used = {row.mark for row in self.rows}
        entries = [
            (text, {**_LINE, **looks, **({"linestyle": "none"} if mark in _WITHOUT_INTERVAL else {})})
            for mark, (text, looks) in _MARKS.items()
            if mark in used
        ]
        if self.floor is not None:
            entries.append((f"noise floor, {self.floor - 1:.1%}", _BAND))
        return Key(tuple(entries), width)

    @cached_property
    def _columns(self) -> Columns:
        labels = [self._label(row) for row in self.rows]
        numbers = [row.numbers for row in self.rows]
        return Columns(
            self.headings[-len(labels[0]) :],
            labels,
            tuple(in_units(one, self.unit) for one in _NUMBERS),
            numbers,
            8.0 * self.grouped,
        )

    @cached_property
    def _slots(self) -> list[ForestRow | str]:
        """The rows, with the headings of groups between them."""
        slots: list[ForestRow | str] = []
        group = None
        for row in self.rows:
            if self.grouped and row.setting != group:
                group = row.setting
                slots.append(name_setting(self.headings, group))
            slots.append(row)
        return slots

    def _label(self, row: ForestRow) -> tuple[str, ...]:
        return row.loader if self.grouped else (*row.setting, *row.loader)

    def _prepare(self, axes: Axes) -> None:
        """Draw the axis, the noise floor and the line at 1."""
        ends = [end for row in self.rows if row.ratio for end in (row.ratio.low, row.ratio.high, row.ratio.value)]
        low, high = ratio_limits([*(end for end in ends if end), self.floor or 1.0, 1 / (self.floor or 1.0)])
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        ticks = log_ticks(low, high)
        set_ticks(axes, ticks, [f"{tick:g}" for tick in ticks])
        if self.floor is not None:
            axes.axvspan(1 / self.floor, self.floor, gid="noise-floor", zorder=0, **_BAND)
        axes.axvline(1, color=BLACK, linewidth=1, zorder=1, gid="one")

    def _plot(self, axes: Axes) -> None:
        rows = [(height, row) for height, row in enumerate(self._slots) if isinstance(row, ForestRow)]
        guides: dict[str, Any] = {"color": RULE, "linewidth": 0.5, "zorder": 0.5}
        axes.hlines([height for height, _ in rows], 0, 1, transform=axes.get_yaxis_transform(), **guides)
        points: dict[Mark, list[tuple[float, float]]] = defaultdict(list)
        intervals: list[tuple[float, float, float]] = []
        for height, row in rows:
            points[row.mark].append((row.ratio.value if row.ratio else 1.0, height))
            if row.ratio and row.ratio.interval:
                intervals.append((height, *row.ratio.interval))
        if intervals:
            y, low, high = zip(*intervals, strict=True)
            axes.hlines(y, low, high, zorder=2, gid="intervals", **_LINE)
        for mark, places in points.items():
            x, heights = zip(*places, strict=True)
            axes.plot(x, heights, linestyle="none", zorder=3, gid=mark.value, **_MARKS[mark][1])

    def _write(self, sheet: Sheet, slot: ForestRow | str, baseline: float) -> None:
        if isinstance(slot, str):
            sheet.write(slot, PADDING, baseline, weight="bold")
            return
        self._columns.write(sheet, baseline, self._label(slot), slot.numbers)


def forest_rows(summary: ExperimentSummary, axes: Sequence[str], most: int | None = None) -> tuple[ForestRow, ...]:
    """Return the rows with a ratio, those of a setting together; with ``most`` those that differ most.

    Upper bounds are not among them: COPY alone would take most of the axis.
    """
    cells = by_setting([cell for cell in summary.cells if has_ratio(cell)], axes)
    if most is not None:
        kept = sorted(cells, key=_rank)[:most]
        cells = [cell for cell in cells if cell in kept]
    return tuple(_row(cell, axes) for cell in cells)


def _rank(cell: CellSummary) -> tuple[bool, bool, float]:
    """Sort the baseline first, then significant ratios, each by how far they are from 1."""
    distance = abs(math.log(cell.ratio.value)) if cell.ratio else math.inf
    return cell.ratio is not None, cell.noise is not False, -distance


def _row(cell: CellSummary, axes: Sequence[str]) -> ForestRow:
    rows_per_s = format_known(cell.rows_per_s.value if cell.rows_per_s else None, ",.0f")
    numbers = (rows_per_s, format_known(cell.cpu_us_per_row, ".1f"))
    setting = setting_of(cell.shown.cell, axes)
    loader = label_of(cell.shown.cell, setting_first(axes))[len(setting) :]
    return ForestRow(setting, loader, numbers, _mark(cell), cell.ratio)


def _mark(cell: CellSummary) -> Mark:
    if cell.baseline:
        return Mark.BASELINE
    if cell.shown.arm == "b":
        return Mark.AGAIN
    if cell.noise is None:
        return Mark.UNCLAIMED
    return Mark.NOISE if cell.noise else Mark.SIGNIFICANT
