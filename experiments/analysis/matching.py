"""Cells of several campaigns that are the same: by all axes, or by all but ignored ones.

Cells that differ only in ignored axes are the same if both have the values of their baseline there, or neither has: a
ratio of docker to local is not that of docker to docker. Where several cells of an experiment become the same, none is
taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.records.description import Description, ShownCell
from experiments.records.record import AXES, Cell

Key = tuple[object, ...]
"""An arm, values of axes, and for each ignored axis whether the cell has its baseline's value."""
Pair = tuple[Cell, Cell]


def match_cells(cells: Sequence[ShownCell], ignored: Sequence[str] = ()) -> dict[Key, ShownCell]:
    """Return the cells and arms of one experiment by what makes them the same as another campaign's."""
    return {key: group[0] for key, group in _group(cells, ignored).items() if len(group) == 1}


def pair_cells(a: Description, b: Description, ignored: Sequence[str] = ()) -> tuple[Pair, ...]:
    """Return the cells of ``a`` and ``b`` that are the same, in the order of ``b``; their keys may differ."""
    pairs = (
        (there[key].cell, shown.cell)
        for name in _names(b)
        if (there := match_cells(cells_of(a, name), ignored))
        for key, shown in match_cells(cells_of(b, name), ignored).items()
        if key in there
    )
    return tuple(dict.fromkeys(pairs))


def only_in(side: Description, others: Sequence[Description], ignored: Sequence[str] = ()) -> tuple[ShownCell, ...]:
    """Return the cells that none of the others planned."""
    elsewhere = {key for other in others for name in _names(other) for key in _group(cells_of(other, name), ignored)}
    return _distinct(
        shown
        for name in _names(side)
        for key, group in _group(cells_of(side, name), ignored).items()
        if key not in elsewhere
        for shown in group
    )


def ambiguous_cells(side: Description, ignored: Sequence[str]) -> tuple[ShownCell, ...]:
    """Return the cells that only ignored axes tell from another one of their experiment."""
    groups = (group for name in _names(side) for group in _group(cells_of(side, name), ignored).values())
    return _distinct(shown for group in groups if len(group) > 1 for shown in group)


def cells_of(side: Description, experiment: str) -> list[ShownCell]:
    """Return the cells and arms of an experiment, as planned."""
    return [shown for shown in side.cells if experiment in shown.experiments]


def _names(side: Description) -> list[str]:
    return [shown.name for shown in side.experiments]


def _group(cells: Sequence[ShownCell], ignored: Sequence[str]) -> dict[Key, list[ShownCell]]:
    baseline = next((shown.cell for shown in cells if shown.arm == "b"), None)
    groups: dict[Key, list[ShownCell]] = {}
    for shown in cells:
        values = [shown.cell.value(axis) for axis in AXES if axis not in ignored]
        like_baseline = [baseline is None or shown.cell.value(axis) == baseline.value(axis) for axis in ignored]
        groups.setdefault((shown.arm, *values, *like_baseline), []).append(shown)
    return groups


def _distinct(cells: Iterator[ShownCell]) -> tuple[ShownCell, ...]:
    return tuple({shown.cell: shown for shown in cells if shown.arm == "a"}.values())
