"""The sheet that a chart is drawn on: pieces below each other on white paper, as wide as a page of a repository shows.

All lengths are points, 72 to the inch, from the top left corner. Text is drawn as outlines, so that it looks the same
where the font is missing, and nothing that changes between two runs gets into the file.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath

# Shown as 900 pixels, in which the smallest text is 11 pixels high.
WIDTH = 675.0
PADDING = 14.0
SMALL = 8.0
BODY = 9.5
TITLE = 14.0

BLACK = "#1a1a1a"
GREY = "#666666"
SHADE = "#e2e2e2"
RULE = "#d9d9d9"

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": SMALL,
    "text.color": BLACK,
    # A question may hold dollars.
    "text.parse_math": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": BLACK,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "svg.fonttype": "path",
    "svg.hashsalt": "bigdata-matrix",
}
_SAMPLE = 26.0
_LINE_HEIGHT = 1.4


class Piece(Protocol):
    """One part of a sheet."""

    @property
    def height(self) -> float:
        """What it takes from the sheet."""

    def draw(self, sheet: Sheet, top: float) -> None:
        """Put it on the sheet, ``top`` below the upper edge."""


@dataclass(frozen=True)
class Sheet:
    """The paper, in points from its top left corner."""

    figure: Figure
    width: float
    height: float

    def write(self, text: str, left: float, baseline: float, size: float = SMALL, **looks: Any) -> None:
        """Write one line."""
        self.figure.text(left / self.width, 1 - baseline / self.height, text, fontsize=size, **looks)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """A place for data without frame."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place)
        axes.set_facecolor("none")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        return axes

    def sample(self, left: float, middle: float, looks: Mapping[str, Any]) -> None:
        """What stands before an entry of a key: a line with its marker, or a box where ``looks`` has a ``hatch``."""
        y, right = 1 - middle / self.height, left + _SAMPLE
        if "facecolor" in looks:
            corner, size = (left / self.width, y - 4 / self.height), (_SAMPLE / self.width, 8 / self.height)
            self.figure.add_artist(Rectangle(corner, *size, **looks))
            return
        x = [left / self.width, (left + right) / 2 / self.width, right / self.width]
        self.figure.add_artist(Line2D(x, [y] * 3, markevery=[1], **looks))


@dataclass(frozen=True)
class Lines:
    """Text, a line below the other."""

    lines: tuple[str, ...]
    size: float = SMALL
    color: str = BLACK
    weight: str = "normal"
    below: float = 0.0

    @property
    def height(self) -> float:
        """With what is free below it."""
        return len(self.lines) * self.size * _LINE_HEIGHT + self.below

    def draw(self, sheet: Sheet, top: float) -> None:
        """Write them."""
        for number, line in enumerate(self.lines):
            baseline = top + self.size * (1 + number * _LINE_HEIGHT)
            sheet.write(line, PADDING, baseline, self.size, color=self.color, weight=self.weight)


@dataclass(frozen=True)
class Key:
    """What the marks mean: entries of (text, looks of the sample), as many on a line as it holds."""

    entries: tuple[tuple[str, Mapping[str, Any]], ...]
    width: float
    below: float = 6.0

    @property
    def height(self) -> float:
        """With what is free below it."""
        return len(self._rows()) * SMALL * 1.7 + self.below if self.entries else 0.0

    def draw(self, sheet: Sheet, top: float) -> None:
        """Samples with their text."""
        for number, row in enumerate(self._rows()):
            left, baseline = PADDING, top + SMALL * (1.2 + 1.7 * number)
            for text, looks in row:
                sheet.sample(left, baseline - SMALL * 0.36, looks)
                sheet.write(text, left + _SAMPLE + 5, baseline)
                left += _entry_width(text)

    def _rows(self) -> list[list[tuple[str, Mapping[str, Any]]]]:
        rows: list[list[tuple[str, Mapping[str, Any]]]] = []
        free = 0.0
        for entry in self.entries:
            if not rows or _entry_width(entry[0]) > free:
                rows.append([])
                free = self.width - 2 * PADDING
            rows[-1].append(entry)
            free -= _entry_width(entry[0])
        return rows


@contextmanager
def charting() -> Iterator[None]:
    """Inside it the library draws by this module's style alone, whatever the user has set for it."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def draw_sheet(pieces: Sequence[Piece], width: float, title: str, described: str) -> bytes:
    """The SVG of the pieces below each other. ``title`` and ``described`` are for those who cannot see it."""
    height = sum(piece.height for piece in pieces) + 2 * PADDING
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="white")
    FigureCanvasSVG(figure)
    sheet = Sheet(figure, width, height)
    top = PADDING
    for piece in pieces:
        piece.draw(sheet, top)
        top += piece.height
    file = io.BytesIO()
    metadata = {"Title": title, "Description": described, "Date": None, "Creator": None}
    figure.savefig(file, format="svg", metadata=metadata)
    return _shorten(file.getvalue().decode()).encode()


def _shorten(svg: str) -> str:
    """The same picture in two thirds of the bytes: glyphs placed by ``x``, no indentation."""
    glyph = re.compile(r'(<use xlink:href="#[^"]+") transform="translate\((-?[\d.]+) 0\)"')
    placed = glyph.sub(lambda match: f'{match[1]} x="{float(match[2]):.1f}"', svg)
    return re.sub(r"^ +", "", placed, flags=re.MULTILINE)


@cache
def text_width(text: str, size: float = SMALL, weight: str = "normal") -> float:
    """How wide one line of text is."""
    if not text.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans", weight=weight)
    path, end = (TextPath((0, 0), some, size=size, prop=font) for some in (text, text.rstrip()[-2:]))
    # The extents of the last two glyphs alone: those of all curves of a line would take most of the time of a chart.
    glyphs = slice(-len(end.vertices), None)
    return float(Path(path.vertices[glyphs], path.codes[glyphs]).get_extents().x1)


def wrap(text: str, width: float, size: float) -> tuple[str, ...]:
    """Lines of text that are no wider than this, where words allow it."""
    flat = " ".join(text.split())
    for characters in range(max(len(flat), 1), 9, -1):
        lines = textwrap.wrap(flat, characters)
        if all(text_width(line, size) <= width for line in lines):
            return tuple(lines)
    return tuple(textwrap.wrap(flat, 10))


def _entry_width(text: str) -> float:
    return _SAMPLE + 5 + text_width(text) + 18
