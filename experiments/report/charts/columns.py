"""Columns of text beside the plot of a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from matplotlib.axes import Axes

from experiments.report.charts.canvas import PADDING, SMALL, Sheet, text_width
from experiments.report.charts.colors import BLACK, GREY

_GAP = 12.0
_LEAST_PLOT = 260.0


@dataclass(frozen=True)
class Columns:
    """Columns of text beside a plot: labels on its left, numbers on its right, each below its heading."""

    headings: Sequence[str]
    labels: Sequence[Sequence[str]]
    number_headings: Sequence[str]
    numbers: Sequence[Sequence[str]]
    indent: float = 0.0

    @property
    def width(self) -> float:
        """Return the least width of a sheet for them."""
        return self.lefts[-1] + _LEAST_PLOT + sum(self._number_widths) + PADDING

    @cached_property
    def lefts(self) -> list[float]:
        """Return the left edges of the labels, and that of the plot."""
        return list(accumulate(_column_widths(self.headings, self.labels), initial=PADDING + self.indent))

    def axes(
        self, sheet: Sheet, top: float, height: float, rows: int, label: str, part: tuple[float, float] = (0.0, 1.0)
    ) -> Axes:
        """Return axes for a part of the plot between the columns, a unit for each row, with the label above."""
        left, (begin, end) = self.lefts[-1], part
        width = sheet.width - PADDING - sum(self._number_widths) - left
        axes = sheet.axes(left + begin * width, top, (end - begin) * width, height)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks([])
        axes.tick_params(axis="x", top=True, labeltop=True, length=3)
        axes.spines["top"].set_visible(True)
        axes.set_xlabel(label, fontsize=SMALL)
        axes.xaxis.set_label_position("top")
        return axes

    def write_headings(self, sheet: Sheet, baseline: float) -> None:
        """Write all headings, the last line of each on the baseline."""
        self.write(sheet, baseline, self.headings, self.number_headings, GREY)

    def write(
        self, sheet: Sheet, baseline: float, labels: Sequence[str], numbers: Sequence[str], color: str = BLACK
    ) -> None:
        """Write one row."""
        for left, text in zip(self.lefts, labels, strict=False):
            sheet.write(text, left, baseline, color=color)
        right = sheet.width - PADDING
        for width, text in zip(reversed(self._number_widths), reversed(numbers), strict=True):
            for number, line in enumerate(reversed(text.split("\n"))):
                sheet.write(line, right, baseline - number * 1.3 * SMALL, color=color, ha="right")
            right -= width

    @cached_property
    def _number_widths(self) -> list[float]:
        first, *others = _column_widths(self.number_headings, self.numbers)
        # The last tick of the plot reaches beyond its axis.
        return [first + _GAP, *others]


def _column_widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[float]:
    columns = zip(headings, *rows, strict=True)
    return [max(text_width(line) for text in column for line in text.split("\n")) + _GAP for column in columns]
