"""Measured points of the model: throughput and CPU cost per row of each cell.

All demands are CPU seconds per row. The client's is that of phase ``data``, and so is the server's if the record has it
(``Phase.server_cpu_s``). Otherwise it is that of the whole run over the rows of both phases, the start of connections
included, cut to what the cores could give (the utilisation law, ``X D <= m``). Upper bounds make no point, nor do cells
that ran without the sampler to measure its cost, or that a relay limits.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bigdata.registry import INGEST, LOADERS, WORKLOADS
from experiments.analysis.attempts import counting_runs
from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.stats import median_of_known
from experiments.analysis.time_breakdown import round_trips_per_row
from experiments.analysis.usable_cores import Setup, count_cores, find_setup, uses_several_cores
from experiments.analysis.utilization import find_foreign_share, observe
from experiments.analysis.verdict import find_verdict
from experiments.matrix.cell import AxisValue, canonical_json
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell, part_of
from experiments.records.facts import Placement
from experiments.records.record import Cell, Phase, Record

CLIENT, SERVER, SHARED = "client", "server", "cores"
"""The stations: the client's core, the server's cores, and the cores that both use."""

Family = tuple[AxisValue, ...]
"""Values of all axes but ``FREE_AXES``: cells of one family have the same demands."""

FREE_AXES = ("poolsize", "resources", "network")


@dataclass(frozen=True, slots=True)
class Sample:
    """Measured rows per second, and CPU seconds of either side for one row."""

    rows_per_s: float
    client_s: float
    server_s: float


@dataclass(frozen=True)
class Point:
    """A cell with the medians of its runs, and the run of each block.

    ``several_cores``: no lock and no loop limits the loader to one core. ``durable``: each row waits for its commit.
    ``exact``: all runs measured the server's CPU time inside the phase. ``foreign_share`` is the part of the run's
    cores that others took. ``data_kind`` is the data set but for its number of records. A round trip took ``trip_s``,
    and a row waits for ``trips`` of them.
    """

    shown: ShownCell
    setup: Setup
    several_cores: bool
    durable: bool
    median: Sample
    blocks: Mapping[int, Sample]
    exact: bool = False
    foreign_share: float | None = None
    data_kind: str = ""
    trip_s: float = 0.0
    trips: float = 1.0

    @property
    def poolsize(self) -> int:
        """Return the number of connections."""
        return self.shown.cell.poolsize

    @property
    def family(self) -> Family:
        """Return the values of all axes but pool and cores."""
        axes = self.shown.cell.axes() | ({"data": self.data_kind} if self.data_kind else {})
        return tuple(value for axis, value in axes.items() if axis not in FREE_AXES)

    @property
    def utilisation(self) -> float:
        """Return the part of its cores that the busier side used."""
        costs = self.median.client_s / self.setup.client_limit, self.median.server_s / self.setup.server_limit
        return self.median.rows_per_s * max(costs)


def read_points(campaign: Campaign) -> list[Point]:
    """Return the points of all cells with a run that has costs, as planned. Baselines count once."""
    points = []
    for shown in _modelled_cells(campaign.description):
        runs = {record.block: record for record in counting_runs(campaign, shown) if record.status == "ok"}
        if (point := _point(campaign.description, shown, runs)) is not None:
            points.append(point)
    return points


def waits_for_each_row(cell: Cell) -> bool:
    """Tell if each row is a round trip of its own; otherwise all rows of a record are sent before the first answer."""
    loader = LOADERS.get(cell.loader)
    return not (loader is not None and loader.pipelines and cell.inserts == "executemany")


def _modelled_cells(description: Description) -> Iterable[ShownCell]:
    able = {cell.cell_key: cell for cell in description.cells if cell.arm == "a" and not cell.unsupported}
    # A campaign that samples nowhere has only cells without sampling.
    sampled = any(cell.cell.sampling == "on" for cell in able.values())
    cells = [cell for cell in able.values() if not is_ceiling(cell.cell)]
    return [cell for cell in cells if not (sampled and cell.cell.sampling == "off")]


def _is_relay_bound(runs: Sequence[Record], placement: Placement) -> bool:
    seen = observe(runs, placement) if any(run.network for run in runs) else None
    verdict = None if seen is None else find_verdict(seen)
    return verdict is not None and verdict.is_relay_bound


def _point(description: Description, shown: ShownCell, runs: Mapping[int, Record]) -> Point | None:
    placement = part_of(description.placements, shown.cell, "resources")
    # With a neighbour nobody knows how much of a core was left.
    if placement is None or placement.loader_neighbours or placement.server_neighbours:
        return None
    ran = list(runs.values())
    if _is_relay_bound(ran, placement):
        return None
    several_cores = uses_several_cores(shown.cell, ran)
    setup = find_setup(placement, several_cores=several_cores)
    blocks = {block: sample for block, run in runs.items() if (sample := _sample(run, setup)) is not None}
    if not blocks:
        return None
    measured = zip(*((one.rows_per_s, one.client_s, one.server_s) for one in blocks.values()), strict=True)
    median = _believable(Sample(*map(statistics.median, measured)), setup)
    exact = all(run.phases is None or run.phases["data"].server_cpu_s is not None for run in ran)
    foreign_share = median_of_known(find_foreign_share(run.host, count_cores(placement)) for run in ran)
    return Point(
        shown,
        setup,
        several_cores,
        is_durable(description, shown),
        median,
        blocks,
        exact,
        foreign_share,
        data_kind=_kind_of_data(description, shown.cell.data),
        trip_s=median_of_known(seen.round_trip_s for run in ran if (seen := run.connections)) or 0.0,
        trips=median_of_known(round_trips_per_row(run) for run in ran) or 1.0,
    )


def _kind_of_data(description: Description, name: str) -> str:
    """Return a data set without its number of records, which changes no cost of a row."""
    found = (description.matrix.get("data") or {}).get(name)
    if not isinstance(found, Mapping):
        return name
    return canonical_json({key: value for key, value in found.items() if key != "records"})


def _sample(record: Record, setup: Setup) -> Sample | None:
    if not record.rate or not record.cost_us or not record.phases:
        return None
    server_s = _server_s(record, record.phases)
    # The kernel may count in steps of 10 ms: of a very short run it then knows nothing.
    if not server_s:
        return None
    return _believable(Sample(record.rate, record.cost_us / 1e6, server_s), setup)


def _believable(sample: Sample, setup: Setup) -> Sample:
    """Cut the costs to what the cores could give at this rate; of shared ones, to what the client left."""
    client_s = min(sample.client_s, setup.client_limit / sample.rows_per_s)
    most_s = [setup.server_limit / sample.rows_per_s]
    most_s += [setup.shared_cores / sample.rows_per_s - client_s] if setup.shared_cores else []
    return Sample(sample.rows_per_s, client_s, min(sample.server_s, *most_s))


def _server_s(record: Record, phases: Mapping[str, Phase]) -> float | None:
    inside = phases["data"].server_cpu_s
    if inside is not None:
        return inside / phases["data"].units
    whole_s = record.server.cpu_s if record.server else None
    return None if whole_s is None else whole_s / sum(phase.units for phase in phases.values())


def is_durable(description: Description, shown: ShownCell) -> bool:
    """Return whether each row is a transaction of its own that is answered only when it is on disk."""
    facts = part_of(description.postgres, shown.cell, "postgres")
    if facts is None:
        return False
    values = [facts.settings.get(name, "on").lower() for name in ("synchronous_commit", "fsync")]
    asked = all(value not in ("off", "false", "no", "0") for value in values)
    on_disk = facts.storage == "disk"
    if shown.cell.workload != INGEST.name:
        return asked and on_disk and WORKLOADS[shown.cell.workload].changes_data
    return asked and on_disk and shown.cell.transaction == "autocommit" and waits_for_each_row(shown.cell)
