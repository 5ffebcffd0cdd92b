"""The chart of the ratios: a line per row of the table, its ratio to the baseline with the interval on a log axis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.stats import Estimate
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import NOTHING
from experiments.report.charts.canvas import BLACK, GREY, PADDING, RULE, SHADE, SMALL, Key, Sheet, text_width
from experiments.report.charts.ticks import log_limits, log_ticks
from experiments.report.labels import label_of


class Mark(Enum):
    """What a row's ratio tells; the value is the id that its points have in the file."""

    BASELINE = "baseline"
    AGAIN = "baseline-again"
    TOLD_APART = "told-apart"
    NOISE = "not-told-apart"
    UNCLAIMED = "nothing-claimed"


BLUE = "#0b4f8a"
_LINE: dict[str, Any] = {"color": BLUE, "linewidth": 1.3}
_ALONE: dict[str, Any] = {"linestyle": "none"}
_MARKS: Mapping[Mark, tuple[str, dict[str, Any]]] = {
    Mark.BASELINE: ("baseline", {"marker": "D", "markerfacecolor": BLACK, "markeredgecolor": BLACK, "markersize": 5}),
    Mark.AGAIN: (
        "the baseline again",
        {"marker": "D", "markerfacecolor": "white", "markeredgecolor": BLACK, "markersize": 5},
    ),
    Mark.TOLD_APART: (
        "told apart from the baseline",
        {"marker": "o", "markerfacecolor": BLUE, "markeredgecolor": BLUE, "markersize": 5.5},
    ),
    Mark.NOISE: (
        "not told apart",
        {"marker": "o", "markerfacecolor": "white", "markeredgecolor": BLUE, "markersize": 5.5},
    ),
    Mark.UNCLAIMED: (
        "no interval or no noise floor: nothing is claimed",
        {"marker": "x", "markeredgecolor": BLUE, "markeredgewidth": 1.4, "markersize": 5},
    ),
}
_BAND: dict[str, Any] = {"facecolor": SHADE, "edgecolor": GREY, "linestyle": (0, (2, 2)), "linewidth": 0.6}

_ROW = 15.0
_GAP = 12.0
_LEAST_PLOT = 260.0
_HEAD = 36.0
_FOOT = 22.0
_COLUMNS = ("rows/s", "client CPU\nµs/row")
# From this many rows on each value of the first axis has a heading of its own.
_GROUPED_FROM = 12


@dataclass(frozen=True)
class Forest:
    """The rows below each other. ``floor`` is the noise floor as a factor above 1."""

    headings: tuple[str, ...]
    rows: tuple[ForestRow, ...]
    floor: float | None

    @property
    def grouped(self) -> bool:
        """Whether the first axis stands in headings between the rows."""
        firsts = [row.label[0] for row in self.rows]
        in_order = [first for number, first in enumerate(firsts) if number == 0 or first != firsts[number - 1]]
        enough = len(self.headings) > 1 and len(self.rows) >= _GROUPED_FROM
        return enough and len(in_order) == len(set(firsts))

    @property
    def width(self) -> float:
        """The least that it needs."""
        return self._label_width() + _LEAST_PLOT + sum(self._column_widths()) + 2 * PADDING

    @property
    def height(self) -> float:
        """Rows and headings with the axis above and below."""
        return _HEAD + _ROW * len(self._slots()) + _FOOT

    def draw(self, sheet: Sheet, top: float) -> None:
        """Labels on the left, points and intervals, numbers on the right."""
        slots = self._slots()
        left = PADDING + self._label_width()
        width = sheet.width - PADDING - sum(self._column_widths()) - left
        self._write_headings(sheet, top)
        axes = sheet.axes(left, top + _HEAD, width, _ROW * len(slots))
        self._prepare(axes, len(slots))
        self._plot(axes, slots)
        for number, slot in enumerate(slots):
            self._write_row(sheet, slot, top + _HEAD + _ROW * (number + 0.5) + SMALL * 0.36, left)

    def key(self, width: float) -> Key:
        """What the marks of these rows mean."""
        used = {row.mark for row in self.rows if not row.without_result}
        alone = (Mark.BASELINE, Mark.UNCLAIMED)
        entries = [
            (text, {**_LINE, **looks, **(_ALONE if mark in alone else {})})
            for mark, (text, looks) in _MARKS.items()
            if mark in used
        ]
        if self.floor is not None:
            entries.append((f"noise floor, {self.floor - 1:.1%}", _BAND))
        return Key(tuple(entries), width)

    def _slots(self) -> list[ForestRow | str]:
        """The rows, and the headings of groups between them."""
        slots: list[ForestRow | str] = []
        group = None
        for row in self.rows:
            if self.grouped and row.label[0] != group:
                group = row.label[0]
                slots.append(f"{self.headings[0]} {group}")
            slots.append(row)
        return slots

    def _label_columns(self) -> list[list[str]]:
        first = 1 if self.grouped else 0
        labels = [row.label[first:] for row in self.rows]
        return [[heading, *column] for heading, *column in zip(self.headings[first:], *labels, strict=True)]

    def _label_lefts(self) -> list[float]:
        lefts = [PADDING + (8.0 if self.grouped else 0.0)]
        for column in self._label_columns():
            lefts.append(lefts[-1] + max(text_width(text) for text in column) + _GAP)
        return lefts

    def _label_width(self) -> float:
        return self._label_lefts()[-1] - PADDING

    def _column_widths(self) -> list[float]:
        columns = zip(*(row.numbers for row in self.rows), strict=True)
        return [
            max(text_width(text) for text in (*heading.split("\n"), *column)) + _GAP
            for heading, column in zip(_COLUMNS, columns, strict=True)
        ]

    def _column_rights(self, sheet: Sheet) -> list[float]:
        widths = self._column_widths()
        return [sheet.width - PADDING - sum(widths[number + 1 :]) for number in range(len(widths))]

    def _write_headings(self, sheet: Sheet, top: float) -> None:
        baseline = top + _HEAD - 8
        for left, heading in zip(self._label_lefts(), self.headings[1 if self.grouped else 0 :], strict=False):
            sheet.write(heading, left, baseline, color=GREY)
        for right, heading in zip(self._column_rights(sheet), _COLUMNS, strict=True):
            sheet.write(heading, right, baseline, color=GREY, ha="right", va="baseline", linespacing=1.1)

    def _write_row(self, sheet: Sheet, slot: ForestRow | str, baseline: float, plot_left: float) -> None:
        if isinstance(slot, str):
            sheet.write(slot, PADDING, baseline, weight="bold")
            return
        color = GREY if slot.without_result else BLACK
        for left, text in zip(self._label_lefts(), slot.label[1 if self.grouped else 0 :], strict=False):
            sheet.write(text, left, baseline, color=color)
        if slot.without_result:
            # On paper of its own, as the line at 1 may be there.
            paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            sheet.write(slot.without_result, plot_left + 6, baseline, color=GREY, style="italic", bbox=paper)
        for right, text in zip(self._column_rights(sheet), slot.numbers, strict=True):
            sheet.write(text, right, baseline, color=color, ha="right")

    def _prepare(self, axes: Axes, slots: int) -> None:
        """Axis, noise floor and the line at 1."""
        ends = [end for row in self.rows if row.ratio for end in (row.ratio.low, row.ratio.high, row.ratio.value)]
        low, high = log_limits([*(end for end in ends if end), *([1 / self.floor, self.floor] if self.floor else [])])
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_ylim(slots - 0.5, -0.5)
        axes.set_yticks([])
        ticks = log_ticks(low, high)
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", top=True, labeltop=True, length=3)
        axes.spines["top"].set_visible(True)
        axes.set_xlabel("ratio of rows/s to the baseline (log scale); right of 1 is faster", fontsize=SMALL)
        axes.xaxis.set_label_position("top")
        if self.floor is not None:
            axes.axvspan(1 / self.floor, self.floor, gid="noise-floor", zorder=0, **_BAND)
        axes.axvline(1, color=BLACK, linewidth=1, zorder=1, gid="one")

    def _plot(self, axes: Axes, slots: Sequence[ForestRow | str]) -> None:
        rows = [(height, row) for height, row in enumerate(slots) if isinstance(row, ForestRow)]
        drawn = [(height, row) for height, row in rows if not row.without_result]
        guides: dict[str, Any] = {
            "color": RULE,
            "linewidth": 0.5,
            "zorder": 0.5,
            "transform": axes.get_yaxis_transform(),
        }
        axes.hlines([height for height, _ in drawn], 0, 1, **guides)
        points: dict[Mark, list[tuple[float, float]]] = defaultdict(list)
        intervals: list[tuple[float, float, float]] = []
        for height, row in drawn:
            points[row.mark].append((row.ratio.value if row.ratio else 1.0, height))
            if row.ratio and row.ratio.low is not None and row.ratio.high is not None:
                intervals.append((height, row.ratio.low, row.ratio.high))
        if intervals:
            y, low, high = zip(*intervals, strict=True)
            axes.hlines(y, low, high, zorder=2, gid="intervals", **_LINE)
        for mark, places in points.items():
            x, heights = zip(*places, strict=True)
            axes.plot(x, heights, linestyle="none", zorder=3, gid=mark.value, **_MARKS[mark][1])


@dataclass(frozen=True)
class ForestRow:
    """One row of the table. ``numbers`` are rows/s and client CPU; ``without_result`` says why there is no ratio."""

    label: tuple[str, ...]
    numbers: tuple[str, str]
    mark: Mark
    ratio: Estimate | None
    without_result: str | None = None


def forest_rows(summary: ExperimentSummary, axes: Sequence[str]) -> tuple[ForestRow, ...]:
    """The rows in the order of the table, but for ceilings: COPY alone would take most of the axis."""
    return tuple(_row(cell, axes) for cell in summary.cells if not is_ceiling(cell.shown.cell))


def _row(cell: CellSummary, axes: Sequence[str]) -> ForestRow:
    return ForestRow(
        label=label_of(cell.shown.cell, axes),
        numbers=(
            NOTHING if cell.rows_per_s is None else f"{cell.rows_per_s.value:,.0f}",
            NOTHING if cell.cpu_us_per_row is None else f"{cell.cpu_us_per_row:.1f}",
        ),
        mark=_mark(cell),
        ratio=cell.ratio,
        without_result=_without_result(cell),
    )


def _mark(cell: CellSummary) -> Mark:
    if cell.baseline:
        return Mark.BASELINE
    if cell.shown.arm == "b":
        return Mark.AGAIN
    if cell.noise is None:
        return Mark.UNCLAIMED
    return Mark.NOISE if cell.noise else Mark.TOLD_APART


def _without_result(cell: CellSummary) -> str | None:
    """Why the row has no point; None where it has one."""
    if cell.shown.unsupported:
        return "cannot run"
    if cell.rows_per_s is not None:
        return None if cell.baseline or cell.ratio else "no run of the baseline in the same block"
    statuses = dict.fromkeys(status for status, _ in cell.troubles)
    return ", ".join(status.replace("_", " ") for status in statuses) or "not run yet"
