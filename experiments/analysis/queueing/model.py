"""The model of a campaign: which cells it is fitted on, what it predicts for the others, and which assumption broke."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.analysis.queueing.fit import (
    Fit,
    Prediction,
    find_limits,
    fit_contention,
    fit_demands,
    predict,
    predict_from,
)
from experiments.analysis.queueing.measurements import Point, Sample, read_points, waits_for_each_row
from experiments.analysis.verdict import BUSY_SHARE, FOREIGN_SHARE
from experiments.records.description import Description
from experiments.records.record import Record

# The least error that is explained: less is within what two campaigns differ by.
_EXPLAINED = 0.10

# What may be left of an error, as a part of it, by the cost of one side that is said to explain it, and by both.
_LEFT_BY_ONE = 1 / 3
_LEFT_BY_BOTH = 1 / 2

POOL = "pool"
"""The bound by the number of connections, among those of the stations."""

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

    ``measured_bounds``, in rows per second, follow from the costs that were measured in the cell itself: one for each
    side, one for cores that both share, and that of the connections, ``N / (both costs + the delay of one alone)``,
    where the contestant has a fit, which tells the delay, and each row is a round trip of its own. ``used``: the model
    was fitted on this cell. ``broken`` says which assumption did not hold.
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

    @property
    def lowest_bound(self) -> str:
        """Whose bound is the lowest."""
        return min(self.measured_bounds, key=lambda name: self.measured_bounds[name])


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
    model = model_cells(description, records)
    return model if model.bases else None


def model_cells(description: Description, records: Sequence[Record]) -> Model:
    """All cells with their bounds, and predictions for those contestants that have the cells to fit them on, if any."""
    points = read_points(description, records)
    bases = _find_bases(description, points)
    fits = {contestant: fit_basis(basis) for contestant, basis in bases.items()}
    fit_on = {key for basis in bases.values() for key in basis.cell_keys}
    cells = tuple(
        _model_cell(point, bases.get(point.contestant), fits.get(point.contestant), fit_on)
        for point in _in_order(points)
    )
    return Model(cells, bases, fits, _plain_error(points, bases))


def _in_order(points: Sequence[Point]) -> list[Point]:
    """Those of a contestant on the same cores together, smaller pools first, else as planned."""
    groups: dict[tuple[Any, ...], list[Point]] = {}
    for point in points:
        groups.setdefault((point.contestant, point.shown.cell.resources), []).append(point)
    return [point for group in groups.values() for point in sorted(group, key=lambda point: point.poolsize)]


def fit_basis(basis: Basis, block: int | None = None) -> Fit:
    """The parameters from the medians, or from the runs of one block. Raises KeyError where a cell has no run in it."""
    if basis.crowded is None or basis.reference is None:
        return _fit(basis.alone, basis.saturated, block)
    of_reference = _fit(*basis.reference, block)
    contention = fit_contention(of_reference, _measured(basis.crowded, block), basis.crowded.poolsize)
    return _fit(basis.alone, basis.saturated, block, contention, of_reference.saturated)


def _fit(alone: Point, saturated: Point, block: int | None = None, contention: float = 0.0, contended: int = 0) -> Fit:
    measured = _measured(alone, block), _measured(saturated, block)
    return fit_demands(*measured, saturated.poolsize, durable=alone.durable, contention=contention, contended=contended)


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
        by_cores.setdefault(point.shown.cell.resources, {})[point.poolsize] = point
    usable = [pools for pools in by_cores.values() if len(pools) > 1 and 1 in pools and not _is_held_back(pools[1])]
    if not usable:
        return None
    pools = max(usable, key=lambda one: (len(one), one[1].setup.client_quota is None, not one[1].setup.shared))
    several = [pools[poolsize] for poolsize in sorted(pools) if poolsize > 1]
    busiest = max(several, key=lambda point: point.utilisation)
    return Basis(pools[1], next((point for point in several if point.utilisation >= BUSY_SHARE), busiest))


def _is_held_back(point: Point) -> bool:
    """Whether the client's quota is used up: what rows then wait for is none of the delays of the model."""
    quota = point.setup.client_quota
    return quota is not None and point.median.rows_per_s * point.median.client_s >= BUSY_SHARE * quota


def _most_crowded(group: Sequence[Point], basis: Basis) -> Point | None:
    """The cell with the largest pool beyond the saturated one, on the same cores."""
    cores = basis.saturated.shown.cell.resources
    beyond = [p for p in group if p.poolsize > basis.saturated.poolsize and p.shown.cell.resources == cores]
    return max(beyond, key=lambda point: point.poolsize, default=None)


def _server_of(point: Point) -> tuple[Any, ...]:
    """What the server's contention depends on, besides the pool."""
    return tuple(point.shown.cell.value(axis) for axis in ("engine", "postgres", "transaction", "inserts"))


def _model_cell(point: Point, basis: Basis | None, fit: Fit | None, fit_on: set[str]) -> Modelled:
    measured = point.median
    bounds = find_limits(measured.client_s, measured.server_s, point.setup)
    if fit is None or basis is None:
        return Modelled(point, bounds)
    if waits_for_each_row(point.shown.cell):
        bounds = {**bounds, POOL: point.poolsize / (measured.client_s + measured.server_s + fit.delay_s)}
    prediction = predict(fit, point.poolsize, point.setup)
    used = point.shown.cell_key in fit_on
    return Modelled(point, bounds, prediction, used, _find_broken(point, prediction, basis))


def _find_broken(point: Point, prediction: Prediction, basis: Basis) -> str:
    """Which assumption was wrong, as a sentence; nothing where the prediction is near enough."""
    error = prediction.rows_per_s / point.median.rows_per_s - 1
    if abs(error) < _EXPLAINED:
        return ""
    if error > 0 and _is_disturbed(point):
        return f"others took {point.foreign_share:.0%} of its cores"
    if error < 0 and any(_is_disturbed(one) for one in (basis.alone, basis.saturated)):
        return "others took part of the cores of the cells that it was fitted on"
    return _find_odd_cost(point, prediction, error)


def _is_disturbed(point: Point) -> bool:
    return point.foreign_share is not None and point.foreign_share >= FOREIGN_SHARE


def _find_odd_cost(point: Point, prediction: Prediction, error: float) -> str:
    """It is a cost if the prediction from what was measured of it is much nearer; else it is how long rows waited."""
    measured, reached = point.median, point.median.rows_per_s

    def left(client_s: float, server_s: float) -> float:
        again = predict_from(client_s, server_s, prediction.delay_s, point.poolsize, point.setup)
        return abs(again.rows_per_s / reached - 1) / abs(error)

    client = f"{measured.client_s * 1e6:.0f} µs instead of {prediction.client_s * 1e6:.0f}"
    server = f"{measured.server_s * 1e6:.0f} µs instead of {prediction.server_s * 1e6:.0f}"
    one_side, text = min(
        (left(prediction.client_s, measured.server_s), f"the server's cost per row was {server}"),
        (left(measured.client_s, prediction.server_s), f"the client's cost per row was {client}"),
    )
    if one_side <= _LEFT_BY_ONE:
        return text
    if left(measured.client_s, measured.server_s) <= _LEFT_BY_BOTH:
        return f"costs per row: the client's was {client}, the server's {server}"
    if not waits_for_each_row(point.shown.cell):
        return "the rows of a record are sent together, and overlap: in the model each waits for the one before"
    return f"not the costs: rows waited {'more' if error > 0 else 'less'} than the delay and the queues of the model"


def _plain_error(points: Sequence[Point], bases: Mapping[tuple[Any, ...], Basis]) -> float | None:
    """The median error of fits on two cells each, without contention."""
    errors = []
    for point in points:
        basis = bases.get(point.contestant)
        if basis and point.shown.cell_key not in replace(basis, crowded=None).cell_keys:
            predicted = predict(_fit(basis.alone, basis.saturated), point.poolsize, point.setup)
            errors.append(abs(predicted.rows_per_s / point.median.rows_per_s - 1))
    return _median(errors)


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.median(known) if known else None
