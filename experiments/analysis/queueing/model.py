"""Queueing model of a campaign: cells it is fitted on, predictions for the others, broken assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from experiments.analysis.queueing.basis import Basis, find_bases, fit_basis, further_delay_s, place_of
from experiments.analysis.queueing.fit import Fit, Prediction, find_limits, predict, predict_from
from experiments.analysis.queueing.measurements import Family, Point, read_points, waits_for_each_row
from experiments.analysis.stats import median_of_known
from experiments.analysis.verdict import FOREIGN_SHARE
from experiments.records.campaign import Campaign

# Smaller errors are not explained: two campaigns differ by as much.
_EXPLAINED = 0.10

_MOST_STEPS = 200_000

# The largest part of an error that may remain with the measured cost of one side, or of both, to explain it.
_LEFT_BY_ONE = 1 / 3
_LEFT_BY_BOTH = 1 / 2

POOL = "pool"
"""The bound by the number of connections."""


@dataclass(frozen=True)
class Modelled:
    """A measured cell with its prediction, which is None for a family without cells to fit on.

    ``measured_bounds``, in rows per second, follow from the costs measured in the cell: of each side, of shared cores,
    and of the connections, ``N / (both costs + the delay of one alone)``. The last needs a fit and rows that are round
    trips of their own. ``used``: the model was fitted on this cell. ``broken``: the assumption that did not hold.
    """

    point: Point
    measured_bounds: Mapping[str, float]
    prediction: Prediction | None = None
    used: bool = False
    broken: str = ""

    @property
    def error(self) -> float | None:
        """Return the relative error: above 0 the prediction is too high."""
        return None if self.prediction is None else self.prediction.rows_per_s / self.point.median.rows_per_s - 1

    @property
    def lowest_bound(self) -> str:
        """Return the name of the lowest bound."""
        return min(self.measured_bounds, key=lambda name: self.measured_bounds[name])


@dataclass(frozen=True)
class Model:
    """All cells of a campaign by family and pool size; for each family its fit and the cells it is fitted on.

    ``plain_error``: the median error without contention, including the cells that contention is fitted on.
    """

    cells: tuple[Modelled, ...]
    bases: Mapping[Family, Basis]
    fits: Mapping[Family, Fit]
    plain_error: float | None

    @property
    def tested(self) -> list[Modelled]:
        """Return the predicted cells that it was not fitted on."""
        return [cell for cell in self.cells if cell.prediction is not None and not cell.used]

    @property
    def median_error(self) -> float | None:
        """Return the median absolute error of those cells; None if there are none."""
        return median_of_known(abs(cell.error) for cell in self.tested if cell.error is not None)


def model_campaign(campaign: Campaign) -> Model | None:
    """Return the model, or None where no family has a cell with one connection and another pool."""
    model = model_cells(campaign)
    return model if model.bases else None


def model_cells(campaign: Campaign) -> Model:
    """Return all cells with their bounds, and predictions for the families with cells to fit them on."""
    points = read_points(campaign)
    families: dict[Family, list[Point]] = {}
    for point in filter(_can_be_predicted, points):
        families.setdefault(point.family, []).append(point)
    bases = find_bases(campaign.description, families)
    fits = {family: fit_basis(basis) for family, basis in bases.items()}
    fit_on = {point.shown.cell_key for basis in bases.values() for point in basis.points}
    ordered = _in_order(points)
    cells = tuple(_model_cell(point, bases.get(point.family), fits.get(point.family), fit_on) for point in ordered)
    return Model(cells, bases, fits, _plain_error(families, bases))


def _in_order(points: Sequence[Point]) -> list[Point]:
    """Put a family's cells on the same cores and network together, smaller pools first, else as planned."""
    groups: dict[tuple[Family, tuple[str, str]], list[Point]] = {}
    for point in points:
        groups.setdefault((point.family, place_of(point)), []).append(point)
    return [point for group in groups.values() for point in sorted(group, key=lambda point: point.poolsize)]


def _can_be_predicted(point: Point) -> bool:
    """Tell if mean values take seconds at most: each connection is a step over the cores of both sides."""
    cores = point.setup.client_limit + point.setup.server_limit + point.setup.shared_cores
    return point.poolsize * cores <= _MOST_STEPS


def _model_cell(point: Point, basis: Basis | None, fit: Fit | None, fit_on: set[str]) -> Modelled:
    measured = point.median
    bounds = find_limits(measured.client_s, measured.server_s, point.setup)
    if fit is None or basis is None or not _can_be_predicted(point):
        return Modelled(point, bounds)
    further_s = further_delay_s(point, basis)
    if waits_for_each_row(point.shown.cell):
        bounds = {**bounds, POOL: point.poolsize / (measured.client_s + measured.server_s + fit.delay_s + further_s)}
    prediction = predict(fit, point.poolsize, point.setup, extra_delay_s=further_s)
    used = point.shown.cell_key in fit_on
    return Modelled(point, bounds, prediction, used, _find_broken(point, prediction, basis))


def _find_broken(point: Point, prediction: Prediction, basis: Basis) -> str:
    """Name the assumption that was wrong; nothing where the prediction is near enough."""
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
    """Name the cost whose measured value brings the prediction much nearer; without one it is the waiting."""
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


def _plain_error(families: Mapping[Family, Sequence[Point]], bases: Mapping[Family, Basis]) -> float | None:
    """Return the median error of fits on two cells each, without contention."""
    return median_of_known(
        abs(
            predict(fit, point.poolsize, point.setup, extra_delay_s=further_delay_s(point, basis)).rows_per_s
            / point.median.rows_per_s
            - 1
        )
        for family, basis in bases.items()
        for fit in [fit_basis(replace(basis, reference=None))]
        for point in families[family]
        if point not in (basis.alone, basis.saturated)
    )
