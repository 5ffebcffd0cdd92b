"""matrix.yaml as it is shipped, and its schema."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml

from bigdata.registry import CONTESTANTS, IMPLEMENTATIONS, LOADERS, PROTOCOLS, WORKLOADS
from experiments.analysis.ceilings import COPY, PGBENCH
from experiments.cli.schema import SCHEMA
from experiments.matrix.cell import AXES, Cell
from experiments.matrix.expand import expand
from experiments.matrix.packages import Packages
from experiments.matrix.plan import Plan, estimate_s, guess_run_s, make_plan
from experiments.matrix.records import fit_records
from experiments.matrix.selection import Selection, apply_selection
from experiments.matrix.spec import load_matrix
from experiments.matrix.values import LOOPS
from experiments.report.answer.facts import COMPARED, OF_2014, PART, QUESTION
from tests.project import ROOT

SHIPPED = ROOT / "matrix.yaml"


class MachineWithAll:
    def resolve_engine(self, value: str) -> str:
        return "local" if value == "auto" else value

    def default_python(self, engine: str) -> str:
        return "3.13"

    def default_implementation(self, python: str, packages: Packages) -> str:
        return "binary"


WORKLOADS_SHOWN = [f"workloads_{name}" for name in WORKLOADS]


@cache
def plan_with_estimate(profile: str | None = None, experiments: tuple[str, ...] = ()) -> tuple[Plan, float]:
    loaded, selection = load_matrix(SHIPPED), Selection(profile=profile, experiments=experiments)
    matrix = apply_selection(loaded, selection)
    plan = make_plan(expand(loaded, selection, MachineWithAll()), matrix.repeats, matrix.seed)
    matrix = fit_records(matrix, plan.cells)
    seconds = estimate_s(plan, lambda cell: guess_run_s(cell, matrix.data[cell.data], matrix.timeout_s))
    return plan, seconds


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def errors_of(document: Any) -> list[str]:
    return [error.json_path for error in validator().iter_errors(document)]


def shipped() -> Any:
    return yaml.safe_load(SHIPPED.read_text())


def test_every_worker_of_a_pool_loads_as_many_records_as_the_others() -> None:
    matrix = load_matrix(SHIPPED)
    cells = [one.cell for one in plan_with_estimate(profile="full")[0].runnable]
    poolsizes = {cell.poolsize for cell in cells if cell.workload == "ingest"}
    assert poolsizes == {1, 5, 20, 50, 100}
    assert {name: data.records for name, data in matrix.data.items() if data.records != "auto"} == {"few": 5}
    assert {100 % size for size in poolsizes} == {0}


def test_the_default_campaign_takes_at_most_a_quarter_of_an_hour() -> None:
    plan, seconds = plan_with_estimate()
    assert plan.repeats == 10
    assert 10 * 60 <= seconds <= 14 * 60


@pytest.mark.parametrize("loader", CONTESTANTS)
def test_every_loader_of_the_registry_is_in_the_shipped_matrix_those_with_bare_drivers_by_default(loader: str) -> None:
    layer = CONTESTANTS[loader].layer_over is not None
    plan, _ = plan_with_estimate(profile="full" if layer else None)
    assert loader in {planned.cell.loader for planned in plan.cells}, f"name {loader} in an experiment of matrix.yaml"


def test_everything_of_the_default_campaign_can_run() -> None:
    plan, _ = plan_with_estimate()
    assert [planned for planned in plan.cells if planned.unsupported] == []


def test_what_is_known_to_be_impossible_in_the_full_campaign_is_what_drivers_lack() -> None:
    plan, _ = plan_with_estimate(profile="full")
    assert {planned.unsupported for planned in plan.cells if planned.unsupported} == {
        "row_by_row_psycopg_asyncio does not run on rloop, only on asyncio, uvloop",
        "row_by_row_asyncpg speaks prepared, extended",
    }


def cells_shown_by(experiment: str) -> list[Cell]:
    plan, _ = plan_with_estimate(experiments=(experiment,))
    return [planned.cell for planned in plan.cells if planned.arm == "a"]


def test_all_loaders_on_their_usual_loops_stand_in_one_experiment() -> None:
    pairs = {(cell.loader, cell.loop) for cell in cells_shown_by("drivers")}
    assert pairs == {
        (loader.name, loop)
        for loader in CONTESTANTS.values()
        for loop in (loader.loops or (None,))
        if loop in (None, "asyncio", "uvloop") and loader.layer_over is None
    }


def test_every_python_that_has_a_place_is_compared_free_threaded_builds_with_and_without_gil() -> None:
    cells = cells_shown_by("interpreters")
    assert {cell.python for cell in cells} == {*(f"3.{minor}" for minor in range(7, 15)), "3.13t", "3.14t"}
    assert {cell.gil for cell in cells if cell.python.endswith("t")} == {"default", "off"}


def test_every_loop_protocol_and_implementation_of_the_registry_is_compared() -> None:
    assert {cell.loop for cell in cells_shown_by("loops")} - {None} == set(LOOPS)
    assert {cell.protocol for cell in cells_shown_by("protocols")} == set(PROTOCOLS)
    assert {cell.implementation for cell in cells_shown_by("implementations")} == set(IMPLEMENTATIONS)


def test_every_workload_is_compared_in_a_table_of_its_own() -> None:
    plan, _ = plan_with_estimate(experiments=("workloads",))
    shown = {name: {one.cell.workload for one in plan.cells if name in one.experiments} for name in WORKLOADS_SHOWN}
    assert shown == {f"workloads_{name}": {name} for name in WORKLOADS}
    # Each with its own baseline, twice.
    assert [planned.cell.workload for planned in plan.cells if planned.arm == "b"] == list(WORKLOADS)


def test_a_part_of_the_workloads_is_compared_by_default() -> None:
    plan, _ = plan_with_estimate()
    workloads = {one.cell for one in plan_with_estimate(experiments=("workloads",))[0].cells}
    fetches = [one for one in plan.cells if one.cell.workload != "ingest"]
    assert {name for one in fetches for name in one.experiments} == {"fetches"}
    assert {one.cell.workload for one in fetches} == {"fetch"}
    assert {one.cell for one in fetches} < workloads
    assert [one.cell.loader for one in fetches if one.arm == "b"] == ["row_by_row_threaded"]


@pytest.mark.parametrize("workload", ["ingest", "lookup", "fetch", "transaction"])
def test_every_layer_is_compared_with_its_bare_driver_and_not_by_default(workload: str) -> None:
    layers = {loader.name: loader.layer_over for loader in CONTESTANTS.values() if loader.layer_over}
    for experiment, bare in (("sqlalchemy", "row_by_row_threaded"), ("sqlalchemy_asyncio", "row_by_row_asyncpg")):
        over = {layer for layer, driver in layers.items() if driver == bare}
        assert {cell.loader for cell in cells_shown_by(f"{experiment}_{workload}")} == {bare, *over}
    plan, _ = plan_with_estimate()
    assert {planned.cell.loader for planned in plan.cells}.isdisjoint(layers)


def test_whoever_can_use_several_cores_is_compared_where_all_may() -> None:
    cells = cells_shown_by("cores")
    assert {cell.resources for cell in cells} == {"shared"}
    assert [(cell.loader, cell.gil) for cell in cells if cell.python == "3.14t"] == [
        ("row_by_row_threaded", "default"),
        ("row_by_row_threaded", "off"),
        ("row_by_row_psycopg_threaded", "default"),
        ("row_by_row_psycopg_threaded", "off"),
    ]


def test_the_projects_question_is_asked_of_all_compared_loaders_in_every_setting_and_not_by_default() -> None:
    assert {QUESTION, PART} <= load_matrix(SHIPPED).experiments.keys()
    cells = cells_shown_by(QUESTION)
    pair = [loader for loader, (driver, _) in COMPARED.items() if driver == OF_2014]
    whole = {(cell.loader, cell.loop, cell.postgres, cell.poolsize) for cell in cells if cell.resources == "split"}
    settings = [(postgres, pool) for postgres in ("default", "async_commit", "fsync_off") for pool in (1, 5, 20, 50)]
    assert {(*loader, *setting) for loader in pair for setting in settings} <= whole
    assert {(PGBENCH, None, *setting) for setting in settings} <= whole
    once = (COPY, "ceiling_psql_file")
    assert {(program, None, postgres, 1) for program in once for postgres, _ in settings} <= whole
    fractions = {(cell.loader, cell.loop, cell.resources, cell.postgres) for cell in cells if cell.resources != "split"}
    pods = [(cores, postgres) for cores in ("pod_0.25", "pod_0.5") for postgres in ("default", "async_commit")]
    assert fractions == {(*loader, *pod) for loader in pair for pod in pods}
    plan, _ = plan_with_estimate()
    assert QUESTION not in {name for planned in plan.cells for name in planned.experiments}


def test_the_smoke_profile_takes_seconds() -> None:
    plan, seconds = plan_with_estimate(profile="smoke")
    assert len(plan.runs) == 4
    assert seconds < 10


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


def test_the_shipped_matrix_names_and_fits_its_schema() -> None:
    first = SHIPPED.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=experiments/matrix.schema.json"
    assert SHIPPED.parent / "experiments/matrix.schema.json" == SCHEMA
    assert errors_of(shipped()) == []


def test_an_editor_knows_all_axes_and_the_loaders() -> None:
    definitions = json.loads(SCHEMA.read_text())["$defs"]
    assert tuple(definitions["AxisLists"]["properties"]) == AXES
    assert tuple(definitions["AxisValues"]["properties"]) == AXES
    assert definitions["AxisValues"]["properties"]["loader"]["enum"] == list(LOADERS)
    assert all("description" in axis for axis in definitions["AxisValues"]["properties"].values())


@pytest.mark.parametrize(
    ("section", "value", "path"),
    [
        ("repeats", 0, "$.repeats"),
        ("baseline", {"loader": "row_by_row_asynco"}, "$.baseline.loader"),
        ("baseline", {"python": 3.1}, "$.baseline.python"),
        ("experiments", {"a": {"question": "?", "matrix": {"loop": "uvloop"}}}, "$.experiments.a.matrix.loop"),
        ("surprise", 1, "$"),
    ],
)
def test_an_editor_sees_slips(section: str, value: Any, path: str) -> None:
    assert errors_of({**shipped(), section: value}) == [path]


@pytest.mark.parametrize("value", ["off", False, 100, 0.5])
def test_an_editor_takes_what_the_harness_takes_as_a_setting(value: Any) -> None:
    document = shipped()
    document["postgres"]["default"] = {"version": 17, "storage": "disk", "settings": {"any": value}}
    assert errors_of(document) == []
