"""The model of a campaign: which cells it is fitted on, what it predicts for the others, and which assumption broke."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.description import Description
from experiments.fit import Fit, Prediction, find_limits, fit_contention, fit_demands, predict, predict_from
from experiments.model_points import Point, Sample, read_points
from experiments.records import Record

SATURATED = 0.9
"""A side that uses this part of its cores is saturated."""

# The least error that is explained: less is within what two campaigns differ by.
_EXPLAINED = 0.10

Fitted = Mapping[tuple[Any, ...], Fit]


@dataclass(frozen=True)
class Basis:
    """The cells that a contestant's parameters are from; ``crowded`` is that of the contention, of any contestant."""

    alone: Point
    saturated: Point
    crowded: Point | None = None
    reference: tuple[Point, Point] | None = None
    """The two cells of the contestant that ``crowded`` is of."""

    @property
    def cell_keys(self) -> set[str]:
        """The cells that are no test of the model."""
        points = (self.alone, self.saturated, self.crowded)
        return {point.shown.cell_key for point in points if point is not None}


@dataclass(frozen=True)
class Modelled:
    """A measured cell with what the model says of it. ``prediction`` is None for a contestant without cells to fit.

    ``measured_bounds`` follow from the costs that were measured in the cell itself. ``used``: it was fitted on this.
    """

    point: Point
    measured_bounds: Mapping[str, float]
    prediction: Prediction | None = None
    used: bool = False
    broken: str = ""

    @property
    def error(self) -> float | None:
        """By what part the prediction is too high (above 0) or too low."""
        return None if self.prediction is None else self.prediction.rows_per_s / self.point.median.rows_per_s - 1


@dataclass(frozen=True)
class Model:
    """All cells of a campaign by contestant and pool size, and the fit of each contestant with the cells it is from.

    ``plain_error``: the median error without contention, of the same cells and those that told the contention.
    """

    cells: tuple[Modelled, ...]
    bases: Mapping[tuple[Any, ...], Basis]
    fits: Fitted
    plain_error: float | None

    @property
    def tested(self) -> list[Modelled]:
        """The cells with a prediction that was not fitted on them."""
        return [cell for cell in self.cells if cell.prediction is not None and not cell.used]

    @property
    def median_error(self) -> float | None:
        """Of those cells, without sign; None where all were needed for fitting."""
        return _median(abs(cell.error) for cell in self.tested if cell.error is not None)


def model_campaign(description: Description, records: Sequence[Record]) -> Model | None:
    """The model, or None where no contestant has a cell with one connection and another pool."""
    points = read_points(description, records)
    bases = _find_bases(description, points)
    if not bases:
        return None
    fits = {contestant: fit_basis(basis) for contestant, basis in bases.items()}
    fit_on = {key for basis in bases.values() for key in basis.cell_keys}
    cells = tuple(_model_cell(point, fits.get(point.contestant), fit_on) for point in _in_order(points))
    return Model(cells, bases, fits, _plain_error(points, bases))


def _in_order(points: Sequence[Point]) -> list[Point]:
    """Those of a contestant on the same cores together, smaller pools first, else as planned."""
    groups: dict[tuple[Any, ...], list[Point]] = {}
    for point in points:
        groups.setdefault((point.contestant, point.shown.cell["resources"]), []).append(point)
    return [point for group in groups.values() for point in sorted(group, key=lambda point: point.poolsize)]


def fit_basis(basis: Basis, block: int | None = None) -> Fit:
    """The parameters from the medians, or from the runs of one block. Raises KeyError where a cell has no run in it."""
    fit = _fit(basis.alone, basis.saturated, block)
    if basis.crowded is None or basis.reference is None:
        return fit
    of_reference = _fit(*basis.reference, block)
    return replace(
        fit, contention=fit_contention(of_reference, _measured(basis.crowded, block), basis.crowded.poolsize)
    )


def _fit(alone: Point, saturated: Point, block: int | None) -> Fit:
    measured = _measured(alone, block), _measured(saturated, block)
    return fit_demands(*measured, saturated.poolsize, durable=alone.durable)


def _measured(point: Point, block: int | None) -> Sample:
    return point.median if block is None else point.blocks[block]


def _find_bases(description: Description, points: Sequence[Point]) -> dict[tuple[Any, ...], Basis]:
    """The cells to fit on, for each contestant that has them; the contention is from the baseline, if that tells it."""
    groups: dict[tuple[Any, ...], list[Point]] = {}
    for point in points:
        groups.setdefault(point.contestant, []).append(point)
    bases = {name: basis for name, group in groups.items() if (basis := _find_basis(group)) is not None}
    again = {cell.cell_key for cell in description.cells if cell.arm == "b"}
    # Baselines first, the others as planned.
    ordered = sorted(bases, key=lambda name: not any(point.shown.cell_key in again for point in groups[name]))
    told: dict[tuple[Any, ...], tuple[Point, Basis]] = {}
    for name in ordered:
        crowded = _most_crowded(groups[name], bases[name])
        if crowded is not None:
            told.setdefault(_server_of(crowded), (crowded, bases[name]))
    for name, basis in bases.items():
        if _server_of(basis.alone) in told:
            crowded, other = told[_server_of(basis.alone)]
            bases[name] = replace(basis, crowded=crowded, reference=(other.alone, other.saturated))
    return bases


def _find_basis(group: Sequence[Point]) -> Basis | None:
    """Of the cores on which most pools were measured, without quotas if there is a choice: the two cells."""
    by_cores: dict[str, dict[int, Point]] = {}
    for point in group:
        by_cores.setdefault(str(point.shown.cell["resources"]), {})[point.poolsize] = point
    usable = [pools for pools in by_cores.values() if 1 in pools and len(pools) > 1]
    if not usable:
        return None
    pools = max(usable, key=lambda one: (len(one), one[1].setup.client_quota is None, not one[1].setup.shared))
    several = [pools[poolsize] for poolsize in sorted(pools) if poolsize > 1]
    busiest = max(several, key=lambda point: point.utilisation)
    return Basis(pools[1], next((point for point in several if point.utilisation >= SATURATED), busiest))


def _most_crowded(group: Sequence[Point], basis: Basis) -> Point | None:
    """The cell with the largest pool beyond the saturated one, on the same cores."""
    cores = basis.saturated.shown.cell["resources"]
    beyond = [p for p in group if p.poolsize > basis.saturated.poolsize and p.shown.cell["resources"] == cores]
    return max(beyond, key=lambda point: point.poolsize, default=None)


def _server_of(point: Point) -> tuple[Any, ...]:
    """What the server's contention depends on, besides the pool."""
    return tuple(point.shown.cell[axis] for axis in ("engine", "postgres", "transaction", "inserts"))


def _model_cell(point: Point, fit: Fit | None, fit_on: set[str]) -> Modelled:
    measured = point.median
    limits = find_limits(measured.client_s, measured.server_s, point.setup)
    if fit is None:
        return Modelled(point, limits)
    prediction = predict(fit, point.poolsize, point.setup)
    used = point.shown.cell_key in fit_on
    return Modelled(point, limits, prediction, used, _find_broken(point, prediction))


def _find_broken(point: Point, prediction: Prediction) -> str:
    """Which assumption was wrong, as a sentence; nothing where the prediction is near enough."""
    measured, reached = point.median, point.median.rows_per_s
    if abs(prediction.rows_per_s / reached - 1) < _EXPLAINED:
        return ""
    sides = {
        "client": ((measured.client_s, prediction.server_s), prediction.client_s, measured.client_s),
        "server": ((prediction.client_s, measured.server_s), prediction.server_s, measured.server_s),
    }
    off = {
        name: abs(predict_from(*costs, prediction.delay_s, point.poolsize, point.setup).rows_per_s / reached - 1)
        for name, (costs, _, _) in sides.items()
    }
    side = min(off, key=lambda name: off[name])
    if off[side] < abs(prediction.rows_per_s / reached - 1) / 2:
        _, expected_s, found_s = sides[side]
        return f"the {side}'s cost per row was {found_s * 1e6:.0f} µs instead of {expected_s * 1e6:.0f}"
    longer = "more" if prediction.rows_per_s > reached else "less"
    return f"costs were as expected: rows waited {longer} than the delay and the queues of the model"


def _plain_error(points: Sequence[Point], bases: Mapping[tuple[Any, ...], Basis]) -> float | None:
    """The median error of fits on two cells each, without contention."""
    errors = []
    for point in points:
        basis = bases.get(point.contestant)
        if basis and point.shown.cell_key not in replace(basis, crowded=None).cell_keys:
            predicted = predict(_fit(basis.alone, basis.saturated, None), point.poolsize, point.setup)
            errors.append(abs(predicted.rows_per_s / point.median.rows_per_s - 1))
    return _median(errors)


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.median(known) if known else None
