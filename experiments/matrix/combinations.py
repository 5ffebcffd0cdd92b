"""``matrix``, ``include`` and ``exclude`` of one experiment, as GitHub Actions defines them.

See "Running variations of jobs in a workflow" in GitHub's documentation:

1. The matrix gives every combination of its values.
2. ``exclude`` removes the combinations that have all values of one of its entries; a part of the axes is enough.
3. ``include`` comes after that. The values of an entry are added to every combination that is left, unless that would
   change a value from the matrix; values that another entry added may be changed. An entry that fits none becomes a
   combination of its own, to which later entries add nothing. So an excluded combination can be brought back.

Two things are added: an exclusion with ``why`` keeps the combination, as a row with that reason. And an entry of
``exclude`` may name axes that the matrix does not: those have their default value.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.matrix.cell import AxisValue
from experiments.matrix.spec import Exclusion, Experiment

Values = Mapping[str, AxisValue]


@dataclass
class Combination:
    """Values for some of the axes; ``why`` is the reason that keeps it from running, if there is one."""

    values: dict[str, AxisValue]
    why: str | None = None
    original: Values = field(default_factory=dict)
    """The part that comes from the matrix."""


def combine(experiment: Experiment, complete: Callable[[Values], Values]) -> list[Combination]:
    """Return an experiment's combinations, those with ``why`` last; exclusions see all axes, by ``complete``."""
    kept: list[Combination] = []
    explained: list[Combination] = []
    for values in _multiply(experiment):
        exclusion = _find_exclusion(values, complete(values), experiment.exclude) if experiment.exclude else None
        if exclusion is None:
            kept.append(Combination(dict(values), original=values))
        elif "why" in exclusion:
            explained.append(Combination(dict(values), why=exclusion["why"]))
    for entry in experiment.include:
        _include(_plain(entry), kept)
    return kept + explained


def _multiply(experiment: Experiment) -> list[Values]:
    lists: dict[str, Sequence[AxisValue]] = _plain(experiment.matrix)
    if not lists:
        return []
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _plain(typed: Mapping[str, object]) -> dict[str, Any]:
    """Cast a dictionary with known keys to a plain mapping."""
    return dict(typed)


def _find_exclusion(values: Values, completed: Values, exclusions: Sequence[Exclusion]) -> Exclusion | None:
    for exclusion in exclusions:
        wanted = {axis: value for axis, value in exclusion.items() if axis != "why"}
        if all(value in (values.get(axis), completed[axis]) for axis, value in wanted.items()):
            return exclusion
    return None


def _include(entry: Values, combinations: list[Combination]) -> None:
    fitting = [
        one
        for one in combinations
        if one.original and all(one.original.get(axis, value) == value for axis, value in entry.items())
    ]
    for one in fitting:
        one.values.update(entry)
    if not fitting:
        combinations.append(Combination(dict(entry)))
