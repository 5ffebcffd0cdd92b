"""Chart of the workers' time: for each row of the table how busy the cores were, and its time breakdown as a bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, PercentFormatter

from experiments.analysis.summary import CellSummary
from experiments.analysis.time_breakdown import PARTS
from experiments.analysis.verdict import BUSY_SHARE
from experiments.formatting import format_known, in_units
from experiments.report.bottlenecks import BUSY_NAMES, PART_NAMES
from experiments.report.charts import colors
from experiments.report.charts.canvas import SMALL, Key, Sheet, text_width
from experiments.report.charts.colors import BLACK, GREY, RULE
from experiments.report.charts.columns import Columns
from experiments.report.charts.rows import by_setting, has_time
from experiments.report.labels import label_of, setting_of

# Distinct in greyscale, too: neighbours differ in lightness, and waiting is hatched.
_LOOKS: Mapping[str, dict[str, Any]] = {
    "client_user": {"facecolor": colors.BLUE},
    "client_system": {"facecolor": colors.PALE_BLUE},
    "client_run_queue": {"facecolor": colors.PALEST_BLUE, "hatch": "----"},
    "server_cpu": {"facecolor": colors.ORANGE},
    "server_run_queue": {"facecolor": colors.PALE_ORANGE, "hatch": "----"},
    "commit_wait": {"facecolor": colors.SAND, "hatch": "////"},
    "other_wait": {"facecolor": colors.LILAC, "hatch": "||||"},
    "round_trip": {"facecolor": colors.LEAF},
    "queueing": {"facecolor": colors.PEARL},
}
# Bars end within their axes: to clip each would take a fifth of the file.
_EDGE: Mapping[str, Any] = {"edgecolor": colors.EDGE, "linewidth": 0.4, "clip_on": False}
# Dark ground under the number.
_DARK = ("client_user", "server_cpu", "round_trip")

_ROW = 15.0
_BAR = 0.68
_HEAD = 36.0
_FOOT = 8.0
_NUMBERS = (*(name.replace(" ", "\n") for name in BUSY_NAMES.values()), "worker time\nµs/row")

# Parts of the plot: the cores, which decide the bottleneck, and the time.
_CORES = (0.0, 0.2)
_TIME = (0.24, 1.0)
_SIDES = ("client_user", "server_cpu")


@dataclass(frozen=True)
class TimeRow:
    """One row: label, time in microseconds per row, and used parts of either side's cores."""

    label: tuple[str, ...]
    parts: Mapping[str, float]
    busy: tuple[float | None, ...] = (None,) * len(BUSY_NAMES)

    @property
    def total_us(self) -> float:
        """Return the time of all workers per row."""
        return sum(self.parts.values())

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return the texts under the headings on the right of the bars."""
        busy = (format_known(share, ".0%") for share in self.busy)
        return (*busy, f"{self.total_us:,.0f}")

    def shares(self) -> Iterator[tuple[str, float, float]]:
        """Yield name, begin and width of each drawn part, of the worker time 1; a rest below zero is not drawn."""
        begin = 0.0
        for part in PARTS:
            width = max(0.0, self.parts.get(part, 0.0)) / self.total_us
            if width:
                yield part, begin, width
            begin += width


@dataclass(frozen=True)
class Bars:
    """Bars of one length below each other; before them how busy the cores were, and the worker time beside them."""

    headings: tuple[str, ...]
    rows: tuple[TimeRow, ...]
    unit: str = "row"

    @property
    def width(self) -> float:
        """Return the least width of its sheet."""
        return self._columns.width

    @property
    def height(self) -> float:
        """Return the height with the axis above."""
        return _HEAD + _ROW * len(self.rows) + _FOOT

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw labels on the left, bars, and numbers on the right."""
        self._columns.write_headings(sheet, top + _HEAD - 8)
        box = (sheet, top + _HEAD, _ROW * len(self.rows), len(self.rows))
        cores = self._columns.axes(*box, "cores in use", _CORES)
        _prepare(cores, 1.0, (0, BUSY_SHARE))
        # It is narrow, and the other axis near.
        first, last = cores.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")
        cores.axvline(BUSY_SHARE, color=GREY, linewidth=0.6, linestyle=":")
        axes = self._columns.axes(*box, "where the workers' time goes", _TIME)
        longest = max([1.0, *(begin + share for row in self.rows for _, begin, share in row.shares())])
        _prepare(axes, longest, (0, 0.25, 0.5, 0.75, 1))
        for number, row in enumerate(self.rows):
            _plot_cores(cores, row, number)
            _plot(axes, row, number, axes.get_position().width * sheet.width / longest)
            baseline = top + _HEAD + _ROW * (number + 0.5) + SMALL * 0.36
            self._columns.write(sheet, baseline, row.label, row.numbers)

    @property
    def overlap(self) -> bool:
        """Tell if some row's CPU time is longer than its whole."""
        return any(row.parts.get("queueing", 0.0) < -0.01 * row.total_us for row in self.rows)

    def key(self, width: float) -> Key:
        """Return the key of the drawn parts."""
        drawn = {part for row in self.rows for part, _, _ in row.shares()}
        entries = [(PART_NAMES[part], {**_LOOKS[part], **_EDGE}) for part in PARTS if part in drawn]
        return Key(tuple(entries), width)

    @cached_property
    def _columns(self) -> Columns:
        labels, numbers = [row.label for row in self.rows], [row.numbers for row in self.rows]
        return Columns(self.headings, labels, tuple(in_units(one, self.unit) for one in _NUMBERS), numbers)


def time_rows(cells: Sequence[CellSummary], axes: Sequence[str]) -> tuple[TimeRow, ...]:
    """Return the rows of loaders with a time breakdown, those of a setting together."""
    rows, before = list[TimeRow](), None
    for cell in by_setting([cell for cell in cells if has_time(cell)], axes):
        row, setting = _row(cell, axes), setting_of(cell.shown.cell, axes)
        # The first row of a setting names it.
        rows.append(replace(row, label=("",) * len(setting) + row.label[len(setting) :]) if setting == before else row)
        before = setting
    return tuple(rows)


def _row(cell: CellSummary, axes: Sequence[str]) -> TimeRow:
    label = label_of(cell.shown.cell, axes)
    busy = tuple(getattr(cell.observations, name, None) for name in BUSY_NAMES)
    return TimeRow(label, cell.ledger or {}, busy)


def _prepare(axes: Axes, longest: float, ticks: Sequence[float]) -> None:
    axes.set_xlim(0, longest)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=True, axis="x", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def _plot_cores(axes: Axes, row: TimeRow, number: int) -> None:
    """Draw how much of its cores each side used, the client above the server."""
    for place, (side, part, share) in enumerate(zip(BUSY_NAMES, _SIDES, row.busy, strict=True)):
        if share is not None:
            middle = number + (place - 0.5) * _BAR / 2
            axes.barh(middle, min(share, 1.0), height=_BAR / 2, gid=f"{side}-{number}", **_LOOKS[part], **_EDGE)


def _plot(axes: Axes, row: TimeRow, number: int, scale: float) -> None:
    """Draw the bar of one row; ``scale`` is the width of the whole worker time in points."""
    for part, begin, share in row.shares():
        axes.barh(number, share, left=begin, height=_BAR, gid=f"{part}-{number}", **_LOOKS[part], **_EDGE)
        text, size = f"{share:.0%}", SMALL * 0.9
        if text_width(text, size) + 4 < share * scale:
            # Ground without hatches for the number.
            ground = {"facecolor": _LOOKS[part]["facecolor"], "edgecolor": "none", "pad": 0.6}
            looks: dict[str, Any] = {"color": colors.PAPER} if part in _DARK else {"color": BLACK, "bbox": ground}
            axes.text(begin + share / 2, number, text, ha="center", va="center_baseline", fontsize=size, **looks)
