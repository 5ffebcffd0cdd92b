"""A made-up campaign of open loops with known response times."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.histogram import Histogram
from experiments.records.open_loop import OpenLoop
from experiments.records.record import Phase, Record
from tests.experiments.conftest import THREADED, UVLOOP

MS = 1_000_000
WOBBLE = (-0.02, -0.01, 0.0, 0.01, 0.02, 0.0)
RATES = {"50%": 1000.0, "90%": 1800.0}
# Response times in ms of 100 operations: all but the last two, and these.
TIMES = {("threads", "50%"): (2, 10), ("threads", "90%"): (4, 40), ("uvloop", "50%"): (1, 20), ("uvloop", "90%"): None}


def open_cell(cell: Cell, arrivals: str) -> Cell:
    return replace(cell, workload="lookup", arrivals=arrivals)


def key_of(cell: Cell) -> str:
    return f"sha256:{'uvloop' if cell.loop else 'threads'} {cell.arrivals}"


def open_loop(name: str, arrivals: str, wobble: float = 0.0) -> OpenLoop:
    times = TIMES[name, arrivals]
    usual_ms, slow_ms = times or (500, 900)
    nanoseconds = [round(usual_ms * MS)] * 98 + [round(slow_ms * MS * math.exp(wobble))] * 2
    return OpenLoop(
        rate_per_s=RATES[arrivals],
        queue=40 if times is None else 1,
        saturated=times is None,
        awaited=80,
        on_time=76,
        response=Histogram.of(nanoseconds).encode(),
        service=Histogram.of([MS] * 100).encode(),
        start_delay=Histogram.of([50_000] * 79 + [300_000]).encode(),
    )


def open_campaign(description: Description, make_record: Callable[..., Record], blocks: int = 6) -> Campaign:
    """Threads and uvloop at two loads, of which uvloop is saturated by the second; the baseline is threads at 50%."""
    cells = [open_cell(cell, arrivals) for cell in (THREADED, UVLOOP) for arrivals in RATES]
    shown = [ShownCell(key_of(cell), "a", ("loaders",), cell) for cell in cells]
    shown.insert(1, replace(shown[0], arm="b"))
    described = replace(description, cells=tuple(shown), repeats=blocks, matrix={})
    records = []
    for one in shown:
        name, arrivals = ("uvloop" if one.cell.loop else "threads"), one.cell.arrivals
        for block, wobble in enumerate(WOBBLE[:blocks], start=1):
            # The second arm wobbles the other way, and the other loader not at all.
            wobbling = wobble * (-1.0 if one.arm == "b" else float(name == "threads"))
            data = Phase(100, 0.1, 0.02, 0.01, server_cpu_s=0.03, run_queue_s=0.001, operations=100)
            made = make_record(
                one.cell,
                block=block,
                cell_key=one.cell_key,
                arm=one.arm,
                phases={"data": data},
                operations_per_s=RATES[arrivals] * 0.99,
                cpu_us_per_operation=300.0,
                open_loop=open_loop(name, arrivals, wobbling),
            )
            records.append(made)
    return Campaign(described, records)
