"""Cells that each loader's parameters are fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from experiments.analysis.queueing.fit import Demand, Fit, fit_contention, fit_demand, fit_demands
from experiments.analysis.queueing.measurements import Family, Point, Sample
from experiments.analysis.verdict import BUSY_SHARE
from experiments.matrix.cell import LOOPBACK, AxisValue
from experiments.records.description import Description


@dataclass(frozen=True)
class Reference:
    """Cells of one loader that tell the server's contention: ``crowded`` has more connections than ``saturated``."""

    alone: Point
    saturated: Point
    crowded: Point


@dataclass(frozen=True)
class Basis:
    """Cells that the parameters of a family are fitted on; ``reference`` may be of another family.

    ``others`` are the same two cells with other PostgreSQL configurations, for which the client does the same.
    """

    alone: Point
    saturated: Point
    reference: Reference | None = None
    others: tuple[tuple[Point, Point], ...] = ()

    @property
    def pairs(self) -> list[tuple[Point, Point]]:
        """Return the cells that the client's demand is fitted on: with one connection, and saturated."""
        return [(self.alone, self.saturated), *self.others]

    @property
    def points(self) -> list[Point]:
        """Return all these cells."""
        reference = self.reference
        further = [] if reference is None else [reference.alone, reference.saturated, reference.crowded]
        return [*(point for pair in self.pairs for point in pair), *further]


def find_bases(description: Description, families: Mapping[Family, Sequence[Point]]) -> dict[Family, Basis]:
    """Find the cells to fit on; those of the contention are the baseline's, if it has them, else the first."""
    bases = {family: basis for family, points in families.items() if (basis := _find_basis(points)) is not None}
    again = {cell.cell_key for cell in description.cells if cell.arm == "b"}
    # Baselines first, the others as planned.
    ordered = sorted(bases, key=lambda family: not any(point.shown.cell_key in again for point in families[family]))
    references: dict[tuple[AxisValue, ...], Reference] = {}
    for family in ordered:
        alone, saturated = bases[family].alone, bases[family].saturated
        crowded = _most_crowded(families[family], saturated)
        if crowded is not None:
            references.setdefault(_server_of(crowded), Reference(alone, saturated, crowded))
    return {
        name: replace(
            basis,
            reference=references.get(_server_of(basis.alone)),
            others=tuple(
                (one.alone, one.saturated)
                for other, one in bases.items()
                if other != name and _client_of(one.alone) == _client_of(basis.alone)
            ),
        )
        for name, basis in bases.items()
    }


def _find_basis(group: Sequence[Point]) -> Basis | None:
    """Find the two cells on the cores with most pools, preferably without delay, without quota and not shared."""
    by_cores: dict[tuple[str, str], dict[int, Point]] = {}
    for point in group:
        by_cores.setdefault(place_of(point), {})[point.poolsize] = point
    usable = [pools for pools in by_cores.values() if len(pools) > 1 and 1 in pools and not _is_limited(pools[1])]
    if not usable:
        return None
    pools = max(
        usable,
        key=lambda one: (
            one[1].shown.cell.network == LOOPBACK,
            len(one),
            one[1].setup.client_quota is None,
            not one[1].setup.shared,
        ),
    )
    several = [pools[poolsize] for poolsize in sorted(pools) if poolsize > 1]
    busiest = max(several, key=lambda point: point.utilisation)
    return Basis(pools[1], next((point for point in several if point.utilisation >= BUSY_SHARE), busiest))


def _is_limited(point: Point) -> bool:
    """Tell if the client's quota is used up: the model has no delay for rows that wait for it."""
    quota = point.setup.client_quota
    return quota is not None and point.median.rows_per_s * point.median.client_s >= BUSY_SHARE * quota


def _most_crowded(points: Sequence[Point], saturated: Point) -> Point | None:
    """Return the cell with the largest pool beyond the saturated one, on the same cores and network."""
    beyond = [p for p in points if p.poolsize > saturated.poolsize and place_of(p) == place_of(saturated)]
    return max(beyond, key=lambda point: point.poolsize, default=None)


def place_of(point: Point) -> tuple[str, str]:
    """Return the cores and the network of a cell."""
    return point.shown.cell.resources, point.shown.cell.network


def further_delay_s(point: Point, basis: Basis) -> float:
    """Return how much longer than of the cells it is fitted on the round trips of a row take, in seconds."""
    if point.shown.cell.network == basis.alone.shown.cell.network:
        return 0.0
    return max(0.0, (point.trip_s - basis.alone.trip_s) * point.trips)


def _server_of(point: Point) -> tuple[AxisValue, ...]:
    """Return the values that the server's contention depends on, besides the pool."""
    return tuple(point.shown.cell.value(axis) for axis in ("engine", "postgres", "transaction", "inserts", "workload"))


def _client_of(point: Point) -> tuple[AxisValue, ...]:
    """Return the values that the client's demand depends on, besides the pool."""
    axes = {**point.shown.cell.axes(), "data": point.data_kind, "postgres": None, "poolsize": None}
    return tuple(axes.values())


def fit_basis(basis: Basis, block: int | None = None) -> Fit:
    """Fit the parameters to the medians, or to the runs of one block. Raises KeyError where a cell has no run in it."""
    alone, saturated = (_measured(point, block) for point in (basis.alone, basis.saturated))
    contention, contended = (0.0, 0) if basis.reference is None else _fit_reference(basis.reference, block)
    return fit_demands(
        alone,
        saturated,
        basis.saturated.poolsize,
        durable=basis.alone.durable,
        client=_fit_client(basis, block),
        contention=contention,
        contended=contended,
    )


def _fit_client(basis: Basis, block: int | None) -> Demand:
    """Return the mean of the client's demand over the PostgreSQL configurations, which do not change its work."""
    demands = [
        fit_demand(_measured(alone, block).client_s, _measured(saturated, block).client_s, saturated.poolsize)
        for alone, saturated in basis.pairs
    ]
    return Demand(fmean(one.least_s for one in demands), fmean(one.shared_s for one in demands))


def _fit_reference(reference: Reference, block: int | None) -> tuple[float, int]:
    """Return the contention, and the pool beyond which it grows."""
    plain = fit_basis(Basis(reference.alone, reference.saturated), block)
    crowded = reference.crowded
    return fit_contention(plain, _measured(crowded, block), crowded.poolsize), plain.saturated


def _measured(point: Point, block: int | None) -> Sample:
    return point.median if block is None else point.blocks[block]
