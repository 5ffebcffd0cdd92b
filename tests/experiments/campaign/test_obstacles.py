from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.campaign.obstacles import find_obstacles
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import make_plan
from experiments.matrix.spec import Matrix, load_matrix
from tests.experiments.campaign.test_prepare import FakeEngine
from tests.project import ROOT


@pytest.fixture
def matrix() -> Matrix:
    return load_matrix(ROOT / "matrix.yaml")


def test_a_plan_foresees_interpreters_and_cores_that_are_not_there(matrix: Matrix, threaded: Cell) -> None:
    old, pod = replace(threaded, python="3.9"), replace(threaded, resources="pod_0.25")
    plan = make_plan([PlannedCell(cell, "a", ("one",)) for cell in (threaded, old, pod)], 1, 1)
    assert find_obstacles(plan, matrix, {"local": FakeEngine()}) == {
        old: "the engine local has no Python 3.9 here; it has: 3.13, 3.14t",
        pod: "no fractions of cores here",
    }


def test_a_plan_foresees_what_a_lock_leaves_out_and_tries_nothing(
    matrix: Matrix, threaded: Cell, uvloop_cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "py3.13.txt"
    lock.write_text("# left out: uvloop: no wheel\n")
    monkeypatch.setattr("experiments.campaign.obstacles.loader_lock", lambda python: lock)
    plan = make_plan([PlannedCell(cell, "a", ("one",)) for cell in (threaded, uvloop_cell)], 1, 1)
    engine = FakeEngine()
    assert find_obstacles(plan, matrix, {"local": engine}) == {uvloop_cell: "no uvloop for Python 3.13: no wheel"}
    assert (engine.asked, engine.tried) == ([], [])


def test_before_preparation_only_the_locked_packages_are_known_to_be_left_out(
    matrix: Matrix, uvloop_cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.campaign.obstacles.left_out", lambda lock: {"aiopg": "no wheel"})
    matrix, older = replace(matrix, packages={"older": {"aiopg": "1.3"}}), replace(uvloop_cell, packages="older")
    plan = make_plan([PlannedCell(cell, "a", ()) for cell in (uvloop_cell, older)], 1, 1)
    assert find_obstacles(plan, matrix, {"local": FakeEngine()}) == {uvloop_cell: "no aiopg for Python 3.13: no wheel"}
