"""A made-up campaign whose cells follow the model exactly, but for what a test changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from experiments.analysis.queueing.fit import Demand, Fit, predict_from
from experiments.analysis.usable_cores import Setup
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import Phase, Record, ServerUse
from tests.experiments.made_observed import SPLIT

POOLS = (1, 5, 20, 50)
THREADED, ASYNCIO = "row_by_row_threaded", "row_by_row_asyncio"

TRUTH: Mapping[str, Fit] = {
    name: Fit(Demand(client_s, 20e-6), Demand(60e-6, 55e-6), 80e-6, True, 20, contention=0.01, contended=20)
    for name, client_s in ((THREADED, 15e-6), (ASYNCIO, 25e-6))
}

MakeRecord = Callable[..., Record]


def made_campaign(
    description: Description,
    make_record: MakeRecord,
    *,
    loaders: Sequence[str] = (THREADED, ASYNCIO),
    pools: Sequence[int] = POOLS,
    server_costs: Mapping[tuple[str, int], float] | None = None,
    faster: Sequence[float] = (1.0,),
) -> tuple[Description, list[Record]]:
    """Description and records, a block for each factor in ``faster``.

    ``server_costs``: by what the server's cost is multiplied in the cells of (loader, pool). Threads with a pool of 20
    are the baseline, with one more arm.
    """
    cells, records = [], []
    base = description.cells[0].cell
    for loader in loaders:
        for pool in pools:
            loop = None if loader == THREADED else "uvloop"
            cell = replace(base, loader=loader, loop=loop, poolsize=pool)
            key = f"sha256:{loader}-{pool}"
            cells.append(ShownCell(key, "a", ("pools",), cell))
            factor = (server_costs or {}).get((loader, pool), 1.0)
            for block, pace in enumerate(faster, start=1):
                made = made_record(make_record, TRUTH[loader], pool, factor / pace, pace)
                records.append(replace(made, cell_key=key, cell=cell, block=block))
    cells += [replace(cell, arm="b") for cell in cells if cell.cell_key == f"sha256:{THREADED}-20"]
    return (
        replace(
            description,
            cells=tuple(cells),
            repeats=len(faster),
            experiments=(ShownExperiment("pools", "How many?"),),
            matrix={**description.matrix, "experiments": {"pools": {"matrix": {"poolsize": list(pools)}}}},
            placements={"split": SPLIT},
        ),
        records,
    )


def made_record(make_record: MakeRecord, truth: Fit, pool: int, server_factor: float, pace: float = 1.0) -> Record:
    """The record of a run in a pool, on a machine that is ``pace`` times as fast as the truth."""
    client_s, server_s = truth.client_s(pool) / pace, truth.server_s(pool) * server_factor
    rate = predict_from(client_s, server_s, truth.delay_at(pool) / pace, pool, Setup()).rows_per_s
    wall_s = 20_000 / rate
    phases = {"geo": Phase(0, 0.0, 0.0, 0.0), "data": Phase(20_000, wall_s, 0.8 * client_s, 0.2 * client_s)}
    server = ServerUse("17.11", {}, "disk", server_s * 20_000)
    made = make_record(rows_per_s=rate)
    return replace(made, cpu_us_per_row=client_s * 1e6, phases=phases, server=server)
