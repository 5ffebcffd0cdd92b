"""Labels of rows and lines: the values of the axes by which they differ, and no more than those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tabulate import tabulate

from bigdata.registry import short_name
from experiments.analysis.precision import LOADER_AXES
from experiments.formatting import NOTHING, axis_name, axis_value
from experiments.records.record import AXES, Cell
from experiments.report.terminal import fit_table

Style = Literal["pipe"] | int
"""Of tables: Markdown, or text of this width for a terminal."""

# One label, the interpreter's, tells both axes.
_TOGETHER = {"gil": "python"}


def label_axes(
    cells: Sequence[Cell], listed: Mapping[str, Sequence[Any]], *, over: str | None = None
) -> tuple[str, ...]:
    """Return the axes for the labels of these cells: loader, those with several ``listed`` values, and needed others.

    ``listed`` are the values in the experiment's matrix. Along the axis ``over`` one label names many cells.
    """
    varying = [axis for axis in AXES if _varies(axis, cells) and axis != over]
    units = list(dict.fromkeys(_TOGETHER.get(axis, axis) for axis in varying))
    units = [axis for axis in units if axis != over]
    asked = {_TOGETHER.get(axis, axis) for axis, values in listed.items() if len(values) > 1} | {"loader"}
    kept = list(units)
    for axis in reversed(units):
        fewer = [other for other in kept if other != axis]
        if axis not in asked and _ambiguous(cells, fewer, over) <= _ambiguous(cells, kept, over):
            kept = fewer
    return tuple(kept) if kept or over else ("loader",)


def table_axes(cells: Sequence[Cell]) -> list[str]:
    """Return the axes with several values, as the columns of a table have them; the loader where none has."""
    axes = [axis for axis in AXES if _varies(axis, cells)] or ["loader"]
    return [axis for axis in axes if _TOGETHER.get(axis) not in axes]


def label_of(cell: Cell, axes: Sequence[str]) -> tuple[str, ...]:
    """Return the texts for these axes, one under each of ``headings``."""
    return tuple(_loader_name(cell, axes) if axis == "loader" else value_text(cell, axis) for axis in _columns(axes))


def setting_first(axes: Sequence[str]) -> tuple[str, ...]:
    """Return the axes with those of the loader last, for labels by which loaders in the same setting are neighbours."""
    return tuple(sorted(axes, key=lambda axis: axis in LOADER_AXES))


def setting_of(cell: Cell, axes: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of the axes other than the loader's."""
    return label_of(cell, [axis for axis in axes if axis not in LOADER_AXES])


def name_setting(headings: Sequence[str], setting: Sequence[str]) -> str:
    """Return 'pool size 20, PostgreSQL default', without axes that do not apply."""
    named = zip(headings, setting, strict=False)
    return ", ".join(f"{heading} {text}" for heading, text in named if text != NOTHING)


def one_line(cell: Cell, axes: Sequence[str]) -> str:
    """Return the same on one line, without axes that do not apply."""
    return join_label(label_of(cell, axes))


def join_label(label: Sequence[str]) -> str:
    """Join the texts of a label that has any; else 'all'."""
    return ", ".join(text for text in label if text != NOTHING) or "all"


def headings(axes: Sequence[str]) -> list[str]:
    """Return the headings of the labels."""
    return [axis_name(axis) for axis in _columns(axes)]


def lay_out(rows: Sequence[Sequence[str]], headings: Sequence[str], align: str, style: Style = "pipe") -> str:
    """Return a table; ``align`` has the letter l or r for each column."""
    if style != "pipe":
        return fit_table(rows, headings, align, style)
    rows = [[" ".join(text.replace("|", "\\|").split()) for text in row] for row in rows]
    sides = ["left" if letter == "l" else "right" for letter in align]
    return tabulate(rows, headings, style, disable_numparse=True, colalign=sides)


def value_text(cell: Cell, axis: str) -> str:
    """Return the value of one axis; the interpreter's includes a disabled GIL."""
    text = axis_value(cell.value(axis))
    return f"{text} GIL off" if axis == "python" and cell.gil == "off" else text


def _varies(axis: str, cells: Sequence[Cell]) -> bool:
    return len({cell.value(axis) for cell in cells}) > 1


def _ambiguous(cells: Sequence[Cell], axes: Sequence[str], over: str | None) -> int:
    """Return how many cells share their values of these axes with another cell."""
    named = [*axes, *([over] if over else [])]
    distinct = set(cells)
    return len(distinct) - len({tuple(value_text(cell, axis) for axis in named) for cell in distinct})


def _columns(axes: Sequence[str]) -> list[str]:
    return list(dict.fromkeys("loader" if axis in LOADER_AXES else axis for axis in axes))


def _loader_name(cell: Cell, axes: Sequence[str]) -> str:
    """Return the loader's short name; of protocol and implementation only what ``axes`` name."""
    told = {axis: getattr(cell, axis) for axis in ("protocol", "implementation") if axis in axes}
    return short_name(cell.loader, cell.loop, **told)
