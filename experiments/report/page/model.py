"""Models of the page: parameters of each family, what they were tested on, and the measured points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.analysis.queueing.basis import Basis, further_delay_s
from experiments.analysis.queueing.fit import Fit
from experiments.analysis.queueing.measurements import FREE_AXES, Point
from experiments.analysis.queueing.model import Model, Modelled
from experiments.analysis.queueing.prediction import Tested, find_tested
from experiments.analysis.stats import estimate_median, median_of_known


@dataclass(frozen=True)
class PagePoint:
    """A measured cell. ``further_s`` is how much longer its round trip is; ``error`` that of its prediction."""

    key: str
    poolsize: int
    client_cores: float
    server_cores: float
    shared: bool
    further_s: float
    rows_per_s: float
    low: float | None
    high: float | None
    error: float | None
    fitted: bool


@dataclass(frozen=True)
class PageFamily:
    """The fit of one loader in one setting, with its measured cells; a row waits for ``trips`` round trips."""

    campaign: int
    loader: str
    axes: Mapping[str, object]
    fit: Fit
    several_cores: bool
    trips: float
    tested: Tested
    median_error: float | None
    points: tuple[PagePoint, ...]


def collect_families(model: Model, campaign: int, name: Callable[[Mapping[str, Any]], str]) -> list[PageFamily]:
    """Collect the families with a fit."""
    families = []
    for family, basis in model.bases.items():
        cells = [cell for cell in model.cells if cell.point.family == family and cell.prediction is not None]
        axes = basis.alone.shown.cell.axes()
        families.append(
            PageFamily(
                campaign=campaign,
                loader=name(axes),
                axes={axis: value for axis, value in axes.items() if axis not in FREE_AXES and value is not None},
                fit=model.fits[family],
                several_cores=basis.alone.several_cores,
                trips=basis.alone.trips,
                tested=find_tested([cell.point for cell in cells]),
                median_error=median_of_known(abs(one.error) for one in cells if one.error is not None and not one.used),
                points=tuple(_point(cell, basis) for cell in cells),
            )
        )
    return families


def _point(cell: Modelled, basis: Basis) -> PagePoint:
    point: Point = cell.point
    median = estimate_median([sample.rows_per_s for sample in point.blocks.values()])
    return PagePoint(
        key=point.shown.cell_key,
        poolsize=point.poolsize,
        client_cores=point.setup.client_limit,
        server_cores=point.setup.server_limit,
        shared=point.setup.shared,
        further_s=further_delay_s(point, basis) / (basis.alone.trips or 1.0),
        rows_per_s=median.value,
        low=median.low,
        high=median.high,
        error=cell.error,
        fitted=cell.used,
    )
