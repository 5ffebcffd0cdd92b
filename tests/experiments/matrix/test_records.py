"""Records of a data set fit the pools that load them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.records import find_idle, fit_records
from experiments.matrix.spec import DataSet, load_matrix
from tests.project import ROOT


def fitted(*cells: PlannedCell, records: int | str = "auto") -> object:
    matrix = replace(
        load_matrix(ROOT / "matrix.yaml"), data={"ny": DataSet(source="synthetic", state="NY", records=records)}
    )
    return fit_records(matrix, cells).data["ny"].records


def planned(cell: Cell, poolsize: int, unsupported: str | None = None) -> PlannedCell:
    return PlannedCell(replace(cell, poolsize=poolsize), "a", ("pools",), unsupported)


@pytest.mark.parametrize(("poolsize", "records"), [(1, 100), (100, 100), (101, 200), (1_000, 1_000)])
def test_auto_has_a_record_for_each_connection_in_steps_of_100(poolsize: int, records: int, threaded: Cell) -> None:
    assert fitted(planned(threaded, 1), planned(threaded, poolsize)) == records


def test_a_number_stays_as_it_is(threaded: Cell) -> None:
    assert fitted(planned(threaded, 200), records=70) == 70


def test_cells_that_load_nothing_or_cannot_run_ask_for_no_records(threaded: Cell) -> None:
    looking_up = planned(replace(threaded, workload="lookup"), 1_000)
    assert fitted(looking_up, planned(threaded, 1_000, "excluded")) == 100


def test_workers_without_a_record_are_found_with_the_number_that_it_takes(threaded: Cell) -> None:
    assert find_idle(replace(threaded, poolsize=1_200), 1_100) == (
        "1,100 data records, so that 100 connections of a pool of 1,200 would get none: "
        "load 1,200 or more (auto: as many as fit), or use a smaller pool"
    )
    assert find_idle(threaded, 20) is None
    assert find_idle(replace(threaded, poolsize=200, workload="wait"), 100) is None
