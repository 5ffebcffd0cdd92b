"""Plans that cannot work on this machine."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest

from experiments.campaign import feasibility
from experiments.campaign.feasibility import find_impossible
from experiments.engines.protocol import Engine
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import make_plan
from experiments.matrix.spec import Matrix, PostgresConfiguration, load_matrix
from tests.project import ROOT


def findings(cell: Cell, settings: Mapping[str, str], *, here: bool = True) -> list[tuple[tuple[str | int, ...], str]]:
    matrix: Matrix = load_matrix(ROOT / "matrix.yaml")
    changed = replace(matrix, postgres={"default": PostgresConfiguration("17", "disk", settings)})
    engine = cast(Engine, SimpleNamespace(cores=lambda: SimpleNamespace(here=here)))
    plan = make_plan([PlannedCell(cell, "a", ("pools",))], 1, 1)
    return [(found.path, found.text) for found in find_impossible(plan, changed, {"local": engine})]


def test_an_engine_is_asked_for_its_cores_once_however_many_cells_it_has(threaded: Cell) -> None:
    cores = Mock(return_value=SimpleNamespace(here=True))
    engine = cast(Engine, SimpleNamespace(cores=cores))
    pools = [PlannedCell(replace(threaded, poolsize=pool), "a", ("pools",)) for pool in range(1, 11)]
    assert list(find_impossible(make_plan(pools, 1, 1), load_matrix(ROOT / "matrix.yaml"), {"local": engine})) == []
    cores.assert_called_once_with()


def test_a_plan_that_works_has_no_findings(threaded: Cell) -> None:
    assert findings(threaded, {"max_connections": "30", "shared_buffers": "128MB"}) == []


def test_workers_without_a_record_are_found_before_there_are_files(threaded: Cell) -> None:
    matrix = load_matrix(ROOT / "matrix.yaml")
    few = replace(matrix, data={"ny": replace(matrix.data["ny"], records=9, segments=("01", "02"))})
    plan = make_plan([PlannedCell(threaded, "a", ("pools",))], 1, 1)
    engine = cast(Engine, SimpleNamespace(cores=lambda: SimpleNamespace(here=False)))
    (found,) = find_impossible(plan, few, {"local": engine})
    assert found.path == ("data", "ny", "records")
    assert found.text.startswith(
        "18 data records, so that 2 connections of a pool of 20 would get none: load 20 or more"
    )


def test_a_wheel_that_is_not_there_is_found_with_its_place(threaded: Cell) -> None:
    matrix = replace(load_matrix(ROOT / "matrix.yaml"), packages={"own": {"psycopg2-binary": "gone.whl"}, "x": {}})
    plan = make_plan([PlannedCell(replace(threaded, packages="own"), "a", ("pools",))], 1, 1)
    (found,) = find_impossible(plan, matrix, {})
    assert found.path == ("packages", "own", "psycopg2-binary")
    assert found.text == "there is no file 'gone.whl': build it, or name another one"


def test_fewer_connections_than_the_plan_needs_are_found(threaded: Cell) -> None:
    assert findings(threaded, {"Max-Connections": "29"}, here=False) == [
        (
            ("postgres", "default", "settings", "Max-Connections"),
            "is too small for this plan: write 30 or more, or remove it",
        )
    ]


def test_more_shared_memory_than_the_machine_has_is_found(threaded: Cell) -> None:
    ((path, text),) = findings(threaded, {"shared_buffers": "4TB"})
    assert path == ("postgres", "default", "settings", "shared_buffers")
    assert text.startswith("is more than the memory of this machine (")


def test_more_open_files_than_a_process_may_have_are_found(threaded: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    assert findings(replace(threaded, poolsize=5_000), {}) == [
        (
            ("experiments", "pools"),
            "a pool of 5,000 needs more open files than a process may have here (1,024): "
            "raise ulimit -n, or use a smaller pool",
        )
    ]
    assert findings(replace(threaded, poolsize=5_000), {}, here=False) == []


def test_more_processes_than_the_machine_may_have_are_found(
    threaded: Cell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(feasibility, "_KERNEL", tmp_path)
    assert findings(replace(threaded, poolsize=20_000), {}) == []
    (tmp_path / "threads-max").write_text("32768\n")
    ((_, text),) = findings(replace(threaded, poolsize=20_000), {})
    assert text.startswith("a pool of 20,000 needs more processes than this machine may have (kernel.threads-max is 3")
