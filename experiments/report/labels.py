"""What the rows and lines of a chart are called: the axes that tell them apart, and no more than those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.formatting import axis_name, axis_value
from experiments.records.record import AXES, Cell

# Which axes stand as one in a label, under the first one's name. What is not named here stands for itself.
_TOGETHER = {"gil": "python"}


def label_axes(
    cells: Sequence[Cell], listed: Mapping[str, Sequence[Any]], *, over: str | None = None
) -> tuple[str, ...]:
    """The axes for the labels of these cells: the loader, those with several values in ``listed``, what else it takes.

    ``listed`` are the values that the experiment's matrix lists. An axis that follows from others, such as the protocol
    from the loader, is left out where it is not needed. Along the axis ``over`` a label names many cells, one for each
    value of it.
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


def label_of(cell: Cell, axes: Sequence[str]) -> tuple[str, ...]:
    """The cell's values of these axes, as they are printed."""
    return tuple(value_text(cell, axis) for axis in axes)


def value_text(cell: Cell, axis: str) -> str:
    """The value of one axis; that of the interpreter says whether it goes without GIL."""
    text = axis_value(cell.value(axis))
    return f"{text} GIL off" if axis == "python" and cell.gil == "off" else text


def headings(axes: Sequence[str]) -> list[str]:
    """The names of the axes, as the tables have them."""
    return [axis_name(axis) for axis in axes]


def _varies(axis: str, cells: Sequence[Cell]) -> bool:
    return len({cell.value(axis) for cell in cells}) > 1


def _ambiguous(cells: Sequence[Cell], axes: Sequence[str], over: str | None) -> int:
    """How many cells these axes do not tell from another one."""
    named = [*axes, *([over] if over else [])]
    distinct = set(cells)
    return len(distinct) - len({label_of(cell, named) for cell in distinct})
