"""Loads become rates: of what the baseline does as a closed loop, once for all cells of a block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from experiments.campaign.calibration import with_rates
from experiments.campaign.prepared_cell import PreparedCell
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import Plan
from tests.experiments.conftest import THREADED, UVLOOP


def prepared(cell: Cell, rate_per_s: float | None = None) -> PreparedCell:
    nothing: Any = None
    return PreparedCell(cell, "key", nothing, nothing, nothing, nothing, "", 60.0, rate_per_s=rate_per_s)


def open_cell(cell: Cell, arrivals: str) -> Cell:
    return replace(cell, workload="lookup", arrivals=arrivals)


BASELINE = open_cell(THREADED, "50%")
CELLS = [BASELINE, open_cell(UVLOOP, "50%"), open_cell(UVLOOP, "90%"), open_cell(UVLOOP, "300/s"), UVLOOP]
PLAN = Plan(
    (
        PlannedCell(BASELINE, "a", ("under_load",)),
        PlannedCell(BASELINE, "b", ("under_load",)),
        *(PlannedCell(cell, "a", ("under_load",)) for cell in CELLS[1:]),
    ),
    seed=1,
    repeats=1,
)


def rates_of(rate_per_s: float | None) -> tuple[list[float | None], list[Cell]]:
    ready = [prepared(cell, 300.0 if cell.arrivals == "300/s" else None) for cell in CELLS]
    asked: list[Cell] = []

    def find_rate(base: PreparedCell) -> float | None:
        asked.append(base.cell)
        return rate_per_s

    every = cast(dict[Cell, PreparedCell | str], {one.cell: one for one in ready})
    return [one.rate_per_s for one in with_rates(ready, PLAN, every, find_rate)], asked


def test_every_load_is_of_one_run_of_the_baseline_as_a_closed_loop() -> None:
    assert rates_of(4_000.0) == ([2000.0, 2000.0, 3600.0, 300.0, None], [replace(BASELINE, arrivals="closed")])


def test_without_that_run_loads_have_no_rate() -> None:
    assert rates_of(None)[0] == [None, None, None, 300.0, None]
