"""The chart of the workers' time: for each row of the table one bar, divided as the ledger of a row's time is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, PercentFormatter

from experiments.analysis.summary import CellSummary
from experiments.analysis.time_breakdown import PARTS
from experiments.formatting import NOTHING
from experiments.report.bottlenecks import BUSY_NAMES, PART_NAMES, describe_busy
from experiments.report.charts.canvas import BLACK, GREY, PADDING, RULE, SMALL, Key, Sheet, text_width
from experiments.report.labels import label_of

# Told apart in greyscale, too: neighbours differ in lightness, and waiting is hatched.
_LOOKS: Mapping[str, dict[str, Any]] = {
    "client_user": {"facecolor": "#0b4f8a"},
    "client_system": {"facecolor": "#7fb2dd"},
    "server_cpu": {"facecolor": "#c2410c"},
    "commit_wait": {"facecolor": "#fbd9b5", "hatch": "////"},
    "other_wait": {"facecolor": "#b79ad1", "hatch": "||||"},
    "round_trip": {"facecolor": "#4d7c4a"},
    "queueing": {"facecolor": "#ececec"},
}
_EDGE: Mapping[str, Any] = {"edgecolor": "#555555", "linewidth": 0.4}
# Dark ground under the number.
_DARK = ("client_user", "server_cpu", "round_trip")

_ROW = 15.0
_BAR = 0.68
_GAP = 12.0
_HEAD = 36.0
_FOOT = 8.0
_LEAST_PLOT = 260.0
# On the right of the bars; the first two decide the verdict.
_COLUMNS = (*(name.replace(" ", "\n") for name in BUSY_NAMES.values()), "worker time\nµs/row")
_NOT_OBSERVED = "not observed"


@dataclass(frozen=True)
class TimeRow:
    """One row: its label, the parts of the ledger in microseconds per row, or why it has none.

    ``busy``: what client and server used of the cores that they can use, as text.
    """

    label: tuple[str, ...]
    parts: Mapping[str, float]
    without: str = ""
    busy: tuple[str, ...] = (NOTHING,) * len(BUSY_NAMES)

    @property
    def total_us(self) -> float:
        """The time of all workers per row."""
        return sum(self.parts.values())

    def shares(self) -> Iterator[tuple[str, float, float]]:
        """Each part that can be drawn: its name, where it begins and its width, as parts of the worker time.

        A rest below zero cannot: without it the CPU time is longer than the whole.
        """
        begin = 0.0
        for part in PARTS if self.parts else ():
            width = max(0.0, self.parts[part]) / self.total_us
            if width:
                yield part, begin, width
            begin += width


@dataclass(frozen=True)
class Bars:
    """Bars below each other, all of the same length, and beside them the worker time that they stand for, and how
    busy the cores were."""

    headings: tuple[str, ...]
    rows: tuple[TimeRow, ...]

    @property
    def width(self) -> float:
        """The least that it needs."""
        return self._lefts()[-1] + _LEAST_PLOT + sum(self._column_widths()) + PADDING

    @property
    def height(self) -> float:
        """The rows with the axis above."""
        return _HEAD + _ROW * len(self.rows) + _FOOT

    def draw(self, sheet: Sheet, top: float) -> None:
        """Labels on the left, bars, and the columns of numbers on the right."""
        lefts, widths = self._lefts(), self._column_widths()
        width = sheet.width - PADDING - sum(widths) - lefts[-1]
        rights = [sheet.width - PADDING - sum(widths[number + 1 :]) for number in range(len(widths))]
        for left, heading in zip(lefts, self.headings, strict=False):
            sheet.write(heading, left, top + _HEAD - 8, color=GREY)
        for right, heading in zip(rights, _COLUMNS, strict=True):
            sheet.write(heading, right, top + _HEAD - 8, color=GREY, ha="right", va="baseline", linespacing=1.1)
        axes = sheet.axes(lefts[-1], top + _HEAD, width, _ROW * len(self.rows))
        longest = max((begin + share for row in self.rows for _, begin, share in row.shares()), default=1.0)
        _prepare(axes, len(self.rows), max(1.0, longest))
        for number, row in enumerate(self.rows):
            _plot(axes, row, number, width / max(1.0, longest))
            baseline = top + _HEAD + _ROW * (number + 0.5) + SMALL * 0.36
            color = GREY if row.without else BLACK
            for left, text in zip(lefts, row.label, strict=False):
                sheet.write(text, left, baseline, color=color)
            for right, text in zip(rights, _numbers(row), strict=True):
                sheet.write(text, right, baseline, color=color, ha="right")

    @property
    def overlap(self) -> bool:
        """Whether some row's CPU time is longer than its whole."""
        return any(row.parts.get("queueing", 0.0) < -0.01 * row.total_us for row in self.rows)

    def key(self, width: float) -> Key:
        """What the parts are called; those that no bar has are left out."""
        drawn = {part for row in self.rows for part, _, _ in row.shares()}
        entries = [(PART_NAMES[part], {**_LOOKS[part], **_EDGE}) for part in PARTS if part in drawn]
        return Key(tuple(entries), width)

    def _lefts(self) -> list[float]:
        lefts = [PADDING]
        for number, heading in enumerate(self.headings):
            texts = [heading, *(row.label[number] for row in self.rows)]
            lefts.append(lefts[-1] + max(text_width(text) for text in texts) + _GAP)
        return lefts

    def _column_widths(self) -> list[float]:
        columns: Sequence[tuple[str, ...]] = list(zip(*map(_numbers, self.rows), strict=True)) or [()] * len(_COLUMNS)
        widths = [
            max(text_width(text) for text in (*heading.split("\n"), *texts)) + _GAP
            for heading, texts in zip(_COLUMNS, columns, strict=True)
        ]
        # The axis ends in a text that reaches beyond it.
        return [widths[0] + _GAP, *widths[1:]]


def time_rows(cells: Sequence[CellSummary], axes: Sequence[str]) -> tuple[TimeRow, ...]:
    """The rows in the order of the table; the baseline's second arm is none."""
    return tuple(_row(cell, axes) for cell in cells if cell.shown.arm == "a")


def _row(cell: CellSummary, axes: Sequence[str]) -> TimeRow:
    label = label_of(cell.shown.cell, axes)
    busy = tuple(describe_busy(cell))
    if cell.ledger and sum(cell.ledger.values()) > 0:
        return TimeRow(label, cell.ledger, busy=busy)
    return TimeRow(label, {}, "cannot run" if cell.shown.unsupported else _NOT_OBSERVED, busy)


def _numbers(row: TimeRow) -> tuple[str, ...]:
    """Under the headings of ``_COLUMNS``."""
    return (*row.busy, NOTHING if row.without else f"{row.total_us:,.0f}")


def _prepare(axes: Axes, rows: int, longest: float) -> None:
    axes.set_xlim(0, longest)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False, length=3)
    axes.spines["top"].set_visible(True)
    axes.spines["bottom"].set_visible(False)
    axes.set_xlabel("where the workers' time goes", fontsize=SMALL)
    axes.xaxis.set_label_position("top")
    axes.grid(visible=True, axis="x", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def _plot(axes: Axes, row: TimeRow, number: int, scale: float) -> None:
    """The bar of one row; ``scale`` is how many points wide the whole worker time is."""
    if row.without:
        axes.text(0.01, number, row.without, color=GREY, style="italic", va="center_baseline", fontsize=SMALL)
    for part, begin, share in row.shares():
        axes.barh(number, share, left=begin, height=_BAR, gid=f"{part}-{number}", **_LOOKS[part], **_EDGE)
        text = f"{share:.0%}"
        if text_width(text, SMALL * 0.9) + 4 < share * scale:
            paper: dict[str, Any] = {} if part in _DARK else {"bbox": {**_paper(part), "edgecolor": "none", "pad": 0.6}}
            middle = begin + share / 2
            looks: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": SMALL * 0.9}
            axes.text(middle, number, text, color="white" if part in _DARK else BLACK, **looks, **paper)


def _paper(part: str) -> dict[str, str]:
    """Ground without hatches for a number."""
    return {"facecolor": str(_LOOKS[part]["facecolor"])}
