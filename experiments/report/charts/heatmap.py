"""Heat map of event loops and threads: a panel for each loop, with the ratio as a number in each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from experiments.analysis.stats import Ratio
from experiments.report.charts.canvas import PADDING, SMALL, WIDTH, Key, Sheet, text_width
from experiments.report.charts.colors import BLACK, BLUE, GREY, ORANGE, PALE_BLUE, PALE_ORANGE, PAPER, PEARL
from experiments.report.charts.heat_facts import Grid, Heat

_ROW = 17.0
_HEAD = 30.0
_BETWEEN = 14.0
_BESIDE = 2
_EDGE: Mapping[str, Any] = {"edgecolor": PAPER, "linewidth": 1.0}
_STRONG = 1.2
# From this ratio on; the last one that fits. The same steps in all campaigns.
_STEPS = (
    (0.0, f"threads more than {_STRONG:g}x as fast", ORANGE, PAPER),
    (1 / _STRONG, "threads faster", PALE_ORANGE, BLACK),
    (1.0, "event loop faster", PALE_BLUE, BLACK),
    (_STRONG, f"more than {_STRONG:g}x as fast", BLUE, PAPER),
)
_NOISE = ("not significant", PEARL, BLACK)


@dataclass(frozen=True)
class HeatMap:
    """The panels, two beside each other."""

    heat: Heat

    @property
    def height(self) -> float:
        """Return the height with headings."""
        return self._panel_height * -(-len(self.heat.grids) // _BESIDE)

    @property
    def _panel_height(self) -> float:
        return _HEAD + _ROW * len(self.heat.rows) + SMALL * 2.2

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw each panel; the names of rows stand on the left only."""
        labels = max(text_width(text) for text in (*self.heat.rows, self.heat.heading)) + 10
        width = (WIDTH - 2 * PADDING - labels - _BETWEEN * (_BESIDE - 1)) / _BESIDE
        for number, grid in enumerate(self.heat.grids):
            row, column = divmod(number, _BESIDE)
            above, left = top + row * self._panel_height, PADDING + labels + column * (width + _BETWEEN)
            sheet.write(grid.title, left, above + SMALL, weight="bold")
            if column == 0:
                self._name_rows(sheet, above + _HEAD, left - 8)
            axes = sheet.axes(left, above + _HEAD, width, _ROW * len(self.heat.rows))
            self._plot(axes, grid, number)

    @property
    def key(self) -> Key:
        """Return the key of the colours in use."""
        used = {_looks(one)[:2] for grid in self.heat.grids for one in grid.ratios.values()}
        steps = [(text, color) for _, text, color, _ in _STEPS] + [_NOISE[:2]]
        return Key(tuple((text, {"facecolor": color}) for text, color in steps if (text, color) in used), WIDTH)

    def _name_rows(self, sheet: Sheet, top: float, right: float) -> None:
        sheet.write(self.heat.heading, right, top - 6, color=GREY, ha="right")
        for number, row in enumerate(self.heat.rows):
            sheet.write(row, right, top + _ROW * (number + 0.5) + SMALL * 0.36, ha="right")

    def _plot(self, axes: Axes, grid: Grid, number: int) -> None:
        axes.set_xlim(-0.5, len(self.heat.pools) - 0.5)
        axes.set_ylim(len(self.heat.rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.set_xticks(range(len(self.heat.pools)), [f"{pool}" for pool in self.heat.pools])
        axes.tick_params(axis="x", top=False, labeltop=True, bottom=False, labelbottom=False, length=0)
        axes.spines["bottom"].set_visible(False)
        axes.set_xlabel("connections", fontsize=SMALL, color=GREY, labelpad=2)
        for (row, pool), ratio in grid.ratios.items():
            x, y = self.heat.pools.index(pool), self.heat.rows.index(row)
            _, color, ink = _looks(ratio)
            box = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, gid=f"cell-{number}-{x}-{y}", **_EDGE)
            axes.add_patch(box)
            text = f"{ratio.value.value:.2f}"
            axes.text(x, y, text, ha="center", va="center_baseline", fontsize=SMALL, color=ink)


def _looks(ratio: Ratio) -> tuple[str, str, str]:
    """Return meaning, colour of the cell and of its number."""
    if ratio.noise is not False:
        return _NOISE
    value = ratio.value.value
    ends = [*(low for low, *_ in _STEPS), float("inf")]
    place = next(place for place, (low, high) in enumerate(pairwise(ends)) if low <= value < high)
    return _STEPS[place][1:]
