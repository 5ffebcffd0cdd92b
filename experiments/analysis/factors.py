"""Factors of an experiment: axes that are crossed with each other, not nested."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Cell = Mapping[str, Any]
Level = tuple[Any, ...]
Axes = tuple[str, ...]

# The axis that others follow from, and that follows from none: it gives a factor its name.
HEAD = "loader"


@dataclass(frozen=True)
class Factor:
    """An axis varied on purpose, with the axes whose values follow from its own or are nested in it."""

    axes: Axes
    levels: tuple[Level, ...]

    def level_of(self, cell: Cell) -> Level:
        """Return the level of a cell."""
        return _of(cell, self.axes)

    def telling(self, level: Level) -> Level:
        """Return the values that distinguish a level, without those that follow from its first value."""
        alike = [other for other in self.levels if other[0] == level[0]]
        return level[:1] + tuple(
            value for place, value in enumerate(level) if place and len({other[place] for other in alike}) > 1
        )


@dataclass(frozen=True)
class Nesting:
    """An axis with several values only within some of another; ``single`` pairs the others with their only value."""

    inner: str
    outer: str
    single: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True)
class Crossing:
    """Factors of some cells. ``missing`` is the number of combinations of levels without a cell; 0 means crossed.

    ``following`` are axes that vary without being a factor: they follow from several factors together.
    """

    factors: tuple[Factor, ...]
    nestings: tuple[Nesting, ...]
    following: Axes
    missing: int


def find_crossing(cells: Sequence[Cell]) -> Crossing:
    """Sort the axes that vary into factors: an axis that follows from another or is nested in it is one with it."""
    varying = [axis for axis in (cells[0] if cells else ()) if len({cell[axis] for cell in cells}) > 1]
    groups = _merge_followers(cells, [(axis,) for axis in sorted(varying, key=lambda axis: axis != HEAD)])
    nestings: list[Nesting] = []
    while not _is_crossed(cells, groups):
        if follower := next((group for group in groups if _follows_from_the_others(cells, groups, group)), None):
            rest = [group for group in groups if group != follower]
            return _crossing(cells, varying, rest, nestings, follower)
        found = _find_nesting(cells, groups)
        if found is None:
            break
        inner, outer, nesting = found
        nestings.append(nesting)
        merged = [(*group, *inner) if group == outer else group for group in groups if group != inner]
        groups = _merge_followers(cells, merged)
    return _crossing(cells, varying, groups, nestings)


def _crossing(
    cells: Sequence[Cell],
    varying: Sequence[str],
    groups: Sequence[Axes],
    nestings: Sequence[Nesting],
    following: Axes = (),
) -> Crossing:
    ordered = sorted(groups, key=lambda group: varying.index(group[0]))
    factors = tuple(Factor(axes, tuple(_levels(cells, axes))) for axes in ordered)
    missing = math.prod(len(factor.levels) for factor in factors) - len(_levels(cells, sum(groups, ())))
    return Crossing(factors, tuple(nestings), following, missing)


def _merge_followers(cells: Sequence[Cell], groups: Sequence[Axes]) -> list[Axes]:
    """Join each group to one that its values follow from, if any; of equals the first keeps its place."""
    left = list(groups)
    for follower, leader in itertools.permutations(reversed(groups), 2):
        if _can_lead(cells, leader, follower) and _follows(cells, follower, leader):
            left.remove(follower)
            left[left.index(leader)] = (*leader, *follower)
            return _merge_followers(cells, left)
    return left


def _follows_from_the_others(cells: Sequence[Cell], groups: Sequence[Axes], follower: Axes) -> bool:
    others = [group for group in groups if group != follower]
    can_lead = len(others) > 1 and all(_can_lead(cells, leader, follower) for leader in others)
    return can_lead and _follows(cells, follower, sum(others, ())) and _is_crossed(cells, others)


def _find_nesting(cells: Sequence[Cell], groups: Sequence[Axes]) -> tuple[Axes, Axes, Nesting] | None:
    for outer, inner in itertools.permutations(groups, 2):
        by_level: dict[Level, list[Cell]] = {}
        for cell in cells:
            by_level.setdefault(_of(cell, outer), []).append(cell)
        levels = [_levels(some, (outer[0], *inner)) for some in by_level.values()]
        single = tuple((inside[0][0], inside[0][1]) for inside in levels if len(inside) == 1)
        if 0 < len(single) < len(levels):
            return inner, outer, Nesting(inner[0], outer[0], tuple(dict.fromkeys(single)))
    return None


def _can_lead(cells: Sequence[Cell], leader: Axes, follower: Axes) -> bool:
    """Tell if an axis can lead: one that does not apply everywhere is nested in another."""
    return HEAD not in follower and all(cell[leader[0]] is not None for cell in cells)


def _follows(cells: Sequence[Cell], follower: Axes, leader: Axes) -> bool:
    return len(_levels(cells, (*leader, *follower))) == len(_levels(cells, leader))


def _is_crossed(cells: Sequence[Cell], groups: Sequence[Axes]) -> bool:
    combinations = math.prod(len(_levels(cells, group)) for group in groups)
    return combinations == len(_levels(cells, sum(groups, ())))


def _levels(cells: Sequence[Cell], axes: Axes) -> list[Level]:
    return list(dict.fromkeys(_of(cell, axes) for cell in cells))


def _of(cell: Cell, axes: Axes) -> Level:
    return tuple(cell[axis] for axis in axes)
