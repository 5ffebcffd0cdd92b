"""The order of the runs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import PlannedRun, estimate_s, guess_run_s, make_plan
from experiments.matrix.spec import DataSet


def cell(poolsize: int) -> Cell:
    who = ("row_by_row_threaded", None, "simple", None)
    return Cell("local", "3.13", None, *who, poolsize, "default", "ny", "autocommit", "execute", "split")


CELLS = (
    PlannedCell(cell(20), "a", ("pools",)),
    PlannedCell(cell(20), "b", ("pools",)),
    *(PlannedCell(cell(poolsize), "a", ("pools",)) for poolsize in (1, 2, 5, 10, 50)),
)
BROKEN = PlannedCell(cell(120), "a", ("pools",), "too many")


@given(seed=st.integers(), repeats=st.integers(1, 12))
def test_each_block_has_every_cell_and_arm_once(seed: int, repeats: int) -> None:
    plan = make_plan(CELLS, repeats, seed)
    assert len(plan.runs) == repeats * len(CELLS)
    for block in range(1, repeats + 1):
        runs = [run for run in plan.runs if run.block == block]
        assert {(run.cell, run.arm) for run in runs} == {(planned.cell, planned.arm) for planned in CELLS}
        assert [run.order for run in runs] == list(range(1, len(CELLS) + 1))


def test_blocks_come_one_after_the_other_each_in_an_order_of_its_own() -> None:
    plan = make_plan(CELLS, 10, 2014)
    assert [run.block for run in plan.runs] == sorted(run.block for run in plan.runs)
    orders = [tuple((run.cell, run.arm) for run in plan.runs if run.block == block) for block in range(1, 11)]
    assert len(set(orders)) == 10


def test_the_order_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert make_plan(CELLS, 3, 2014) == make_plan(CELLS, 3, 2014)
    assert make_plan(CELLS, 3, 2014).runs != make_plan(CELLS, 3, 2015).runs


def test_the_first_blocks_do_not_depend_on_how_many_follow() -> None:
    assert make_plan(CELLS, 10, 2014).runs[: 3 * len(CELLS)] == make_plan(CELLS, 3, 2014).runs


def test_the_order_in_which_the_matrix_names_cells_does_not_matter() -> None:
    turned = random.Random(1).sample(CELLS, len(CELLS))
    assert make_plan(turned, 3, 2014).runs == make_plan(CELLS, 3, 2014).runs


def test_the_order_is_the_same_on_every_machine() -> None:
    runs = make_plan(CELLS, 1, 2014).runs
    assert [(run.cell.poolsize, run.arm) for run in runs] == [
        (10, "a"),
        (20, "a"),
        (2, "a"),
        (20, "b"),
        (1, "a"),
        (50, "a"),
        (5, "a"),
    ]


def test_a_cell_that_cannot_run_is_in_the_plan_without_runs() -> None:
    plan = make_plan((*CELLS, BROKEN), 2, 2014)
    assert plan.cells == (*CELLS, BROKEN)
    assert plan.runs == make_plan(CELLS, 2, 2014).runs


def test_more_runs_than_a_campaign_can_have_are_refused_before_they_are_made() -> None:
    with pytest.raises(BadInput) as refused:
        make_plan(CELLS, 1_000_000, 1)
    assert str(refused.value) == (
        "repeats: 1,000,000 blocks of 7 cells are 7,000,000 runs, more than 2,000,000: "
        "lower repeats, or select cells with --only"
    )


def test_the_estimate_adds_up_the_runs() -> None:
    plan = make_plan((CELLS[0], CELLS[2]), 3, 2014)
    assert plan.runs[0] in {PlannedRun(cell(20), "a", 1, 1), PlannedRun(cell(1), "a", 1, 1)}
    assert estimate_s(plan, lambda one: float(one.poolsize)) == 63.0


@pytest.mark.parametrize(
    ("poolsize", "data", "seconds"),
    [
        (20, DataSet(source="synthetic", state="NY", records=100), 0.6 + 22_200 / 12_000),
        (1, DataSet(source="synthetic", state="NY", records=100), 0.6 + 22_200 / 4_000),
        (20, DataSet(source="synthetic", state="NY", records=100, segments=("01", "02")), 0.6 + 43_000 / 12_000),
        (20, DataSet(source="synthetic", state="NY", records=100_000), 120.0),
        (20, DataSet(source="directory", path="data"), 120.0),
    ],
)
def test_a_run_is_guessed_from_its_rows_and_never_beyond_the_limit(
    poolsize: int, data: DataSet, seconds: float
) -> None:
    assert guess_run_s(cell(poolsize), data, 120.0) == pytest.approx(seconds)


def test_a_fraction_of_a_core_takes_longer_and_a_whole_one_does_not() -> None:
    data = DataSet(source="synthetic", state="NY", records=100)
    seconds = [guess_run_s(cell(20), data, 120.0, cores) for cores in (None, 1.0, 0.25, 0.1)]
    assert seconds == pytest.approx([2.45, 2.45, 5.752, 13.48])
