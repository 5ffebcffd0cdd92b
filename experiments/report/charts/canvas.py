"""Sheet of a chart: pieces below each other on white paper, as wide as a page of a repository.

All lengths are points from the top left corner. Text stays text, measured in DejaVu Sans; Verdana is as wide. Two runs
write the same bytes.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from experiments.report.charts.colors import BLACK, GREY, PAPER, name_styles

# Shown as 900 pixels, in which the smallest text is 11 pixels high.
WIDTH = 675.0
PADDING = 14.0
SMALL = 8.0
BODY = 9.5
TITLE = 12.0

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
    "svg.fonttype": "none",
    "svg.hashsalt": "bigdata-matrix",
}
_FONTS = "'DejaVu Sans', Verdana, sans-serif"
# Other fonts may be wider than the measured one by this factor.
_SLACK = 1.04
BOLD = 1.12
"""How much wider bold letters are than the measured ones."""
_SAMPLE = 26.0
_LINE_HEIGHT = 1.4

Member = TypeVar("Member")


class Piece(Protocol):
    """One part of a sheet."""

    @property
    def height(self) -> float:
        """Return its height on the sheet."""

    def draw(self, sheet: Sheet, top: float) -> None:
        """Draw it ``top`` below the upper edge of the sheet."""


@dataclass(frozen=True)
class Sheet:
    """Paper of one chart, in points from its top left corner."""

    figure: Figure
    width: float
    height: float

    def write(self, text: str, left: float, baseline: float, size: float = SMALL, **looks: Any) -> None:
        """Write one line."""
        self.figure.text(left / self.width, 1 - baseline / self.height, text, fontsize=size, **looks)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes without a frame."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place)
        axes.set_facecolor("none")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        return axes

    def sample(self, left: float, middle: float, looks: Mapping[str, Any]) -> None:
        """Draw the sample of a key's entry: a box if ``looks`` has a ``facecolor``, else a line with its marker."""
        y, right = 1 - middle / self.height, left + _SAMPLE
        if "facecolor" in looks:
            corner, size = (left / self.width, y - 4 / self.height), (_SAMPLE / self.width, 8 / self.height)
            self.figure.add_artist(Rectangle(corner, *size, **looks))
            return
        x = [left / self.width, (left + right) / 2 / self.width, right / self.width]
        self.figure.add_artist(Line2D(x, [y] * 3, markevery=[1], **looks))


@dataclass(frozen=True)
class Lines:
    """Lines of text below each other."""

    lines: tuple[str, ...]
    size: float = SMALL
    color: str = BLACK
    weight: str = "normal"
    below: float = 0.0

    @property
    def height(self) -> float:
        """Return the height with the space below."""
        return len(self.lines) * self.size * _LINE_HEIGHT + self.below

    def draw(self, sheet: Sheet, top: float) -> None:
        """Write the lines."""
        for number, line in enumerate(self.lines):
            baseline = top + self.size * (1 + number * _LINE_HEIGHT)
            sheet.write(line, PADDING, baseline, self.size, color=self.color, weight=self.weight)


@dataclass(frozen=True)
class Key:
    """Key of a chart: entries of (text, looks of the sample), as many on a line as fit."""

    entries: tuple[tuple[str, Mapping[str, Any]], ...]
    width: float
    below: float = 6.0

    @property
    def height(self) -> float:
        """Return the height with the space below."""
        return len(self._rows()) * SMALL * 1.7 + self.below if self.entries else 0.0

    def draw(self, sheet: Sheet, top: float, start: float = PADDING) -> None:
        """Draw the samples with their texts, ``start`` right of the left edge of the sheet."""
        for number, row in enumerate(self._rows()):
            left, baseline = start, top + SMALL * (1.2 + 1.7 * number)
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
    """Draw by this module's style alone inside the block, regardless of the user's settings."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def draw_sheet(pieces: Sequence[Piece], width: float, title: str, described: str) -> bytes:
    """Return the SVG of the pieces below each other. Screen readers read ``title`` and ``described``."""
    height = sum(piece.height for piece in pieces) + 2 * PADDING
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PAPER)
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


def draw_page(
    title: str, question: str, pieces: Sequence[Piece], foot: Sequence[str], width: float, described: str
) -> bytes:
    """Draw the pieces between title and question and the paragraphs of the foot."""
    room = width - 2 * PADDING
    titled = wrap(title, room / BOLD, TITLE)
    head = [
        Lines(titled, size=TITLE, weight="bold", below=2.0),
        Lines(wrap(question, room, BODY), size=BODY, below=8.0),
    ]
    lines = [line for text in foot for line in wrap(text, room, SMALL)]
    return draw_sheet([*head, *pieces, Lines(tuple(lines), color=GREY)], width, title, described)


def _shorten(svg: str) -> str:
    """Return the picture in fewer bytes: fonts and styles named once, lengths of 2 digits, no needless groups."""
    svg = re.sub(r"^ +", "", svg, flags=re.MULTILINE)
    svg = re.sub(r"; font-family: 'DejaVu Sans'|(?<=\") transform=\"rotate\(-0 [^)]*\)\"", "", svg)
    svg = re.sub(r' [dxy]="[^"]*"', lambda match: re.sub(r"(\.\d\d)\d+| ?\n", r"\1", match[0]), svg)
    # matplotlib numbers its groups, also those of a single element.
    svg = re.sub(r'<g id="[a-z0-9]+_\d+">\n((?:<[^>]*/>|<text[^>]*>[^<]*</text>)\n)</g>\n', r"\1", svg)
    marks, sheet = name_styles(svg)
    return marks.replace("*{", f"{sheet} *{{font-family: {_FONTS}; ", 1)


@cache
def text_width(text: str, size: float = SMALL, weight: str = "normal") -> float:
    """Return the width to reserve for one line of text."""
    if not text.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans", weight=weight)
    path, end = (TextPath((0, 0), some, size=size, prop=font) for some in (text, text.rstrip()[-2:]))
    # The extents of the last two glyphs alone: those of all curves of a line would take most of the time of a chart.
    glyphs = slice(-len(end.vertices), None)
    return _SLACK * float(Path(path.vertices[glyphs], path.codes[glyphs]).get_extents().x1)


def wrap(text: str, width: float, size: float) -> tuple[str, ...]:
    """Return lines no wider than ``width``, broken between words."""
    flat = " ".join(text.split())
    # Characters are half as wide as they are high; of those a third as wide no line is made.
    for characters in range(min(max(len(flat), 1), round(3 * width / size)), 9, -1):
        lines = textwrap.wrap(flat, characters)
        if all(text_width(line, size) <= width for line in lines):
            return tuple(lines)
    return tuple(textwrap.wrap(flat, 10))


def split_evenly(members: Sequence[Member], most: int) -> list[Sequence[Member]]:
    """Return the members in as few parts of at most ``most`` as hold them, all about equally long."""
    parts = -(-len(members) // most)
    size = -(-len(members) // max(1, parts))
    return [members[start : start + size] for start in range(0, len(members), size or 1)]


def _entry_width(text: str) -> float:
    return _SAMPLE + 5 + text_width(text) + 18
