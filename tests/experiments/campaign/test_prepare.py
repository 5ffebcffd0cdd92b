from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.campaign.datasets import PreparedData
from experiments.campaign.prepare import Preparation, harness_cpus, unsupported_key
from experiments.campaign.prepared_cell import CellParts, PreparedCell
from experiments.engines.protocol import UNWATCHED, Companion, Finished, Launch, Server
from experiments.environment.affinity import Cores
from experiments.errors import BadInput, Failure, Unsupported
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.packages import Packages
from experiments.matrix.spec import DataSet, Matrix, PostgresConfiguration, load_matrix
from experiments.records.facts import InterpreterFacts, Placement, ServerFacts
from tests.project import ROOT

ALLOWED = frozenset({0, 1, 2})


WORKS = Finished(0, '{"schema": 1, "supported": true, "reason": null}', "", 0.2)


class FakeHost:
    """Notes what is tried, and where. The answer to a loader is what ``answers`` has for it."""

    def __init__(self, python: str, engine: FakeEngine) -> None:
        self.facts = InterpreterFacts(python, f"{python}.0", "CPython", True, "build", "sha256:lock", engine.left_out)
        self._engine = engine

    def run(self, launch: Launch) -> Finished:
        assert launch.watch is UNWATCHED
        verb, loader, *rest, report, target = launch.arguments
        assert (verb, report, target, launch.timeout_s) == ("check", "--report", "-", 60.0)
        assert isinstance(launch.server, FakeServer)
        assert launch.placement is not None
        assert launch.placement.loader_quota is None
        self._engine.tried.append(
            " ".join([loader, *rest, *(f"{name}={value}" for name, value in launch.environment.items())])
        )
        answer = self._engine.answers.get(loader, WORKS)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def free_port(self) -> int:
        raise AssertionError("nothing is relayed while preparing")

    def beside(self, arguments: Sequence[str], *, server: Server, placement: Placement) -> Companion:
        raise AssertionError("nothing is measured while preparing")


class FakeServer:
    def __init__(self, settings: Mapping[str, str], image: str | None = None) -> None:
        self.facts = ServerFacts("17.11", settings, "disk", image)
        self.pid = None
        self.data = None

    def place(self, placement: Placement) -> None:
        raise AssertionError("nothing is placed while preparing")

    def find_end(self) -> str | None:
        raise AssertionError("nothing is run while preparing")

    def cpu_s(self) -> float:
        raise AssertionError("nothing is measured while preparing")

    def stop(self) -> None:
        pass


class FakeEngine:
    """Has Python 3.13 and 3.14t and no other, PostgreSQL 17 and no other, and holds nobody to a fraction of a core."""

    name = "local"
    notices = ()
    own_postgres = None

    def __init__(self, left_out: Mapping[str, str] | None = None) -> None:
        self.asked: list[str] = []
        self.made_ready: tuple[list[str], list[str]] | None = None
        self.left_out = left_out or {}
        self.image: str | None = None
        self.tried: list[str] = []
        self.answers: dict[str, Finished | Exception] = {}
        self.netem_obstacle: str | None = None

    def __enter__(self) -> FakeEngine:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def facts(self) -> Mapping[str, Any]:
        return {}

    def cores(self) -> Cores:
        return Cores(ALLOWED, {})

    def make_ready(self, pythons: Sequence[str], majors: Sequence[str], tell: Callable[[str], None]) -> None:
        self.made_ready = (list(pythons), list(majors))

    def pythons(self) -> tuple[str, ...]:
        return ("3.13", "3.14t")

    def loader_host(self, python: str, packages: Packages = ()) -> FakeHost:
        self.asked.append(f"python {python}{' with packages' * bool(packages)}")
        if python not in self.pythons():
            raise Unsupported(f"no Python {python} here")
        return FakeHost(python, self)

    def server_facts(self, configuration: PostgresConfiguration, *, max_connections: int) -> ServerFacts:
        return ServerFacts("17.11", {"max_connections": str(max_connections)}, configuration.storage)

    def serve(self, name: str, configuration: PostgresConfiguration, *, max_connections: int) -> FakeServer:
        self.asked.append(f"postgres {name} for {max_connections}")
        if configuration.version != "17":
            raise Unsupported(f"no PostgreSQL {configuration.version} here")
        return FakeServer({"max_connections": str(max_connections)}, self.image)

    def check_placement(self, placement: Placement) -> None:
        if placement.loader_quota is not None:
            raise Unsupported("no fractions of cores here")

    def find_netem_obstacle(self) -> str | None:
        return self.netem_obstacle

    def provide_data(self, directory: Path) -> str:
        return f"/seen{directory}"


@pytest.fixture
def matrix() -> Matrix:
    return load_matrix(ROOT / "matrix.yaml")


def provide_data(data: DataSet, poolsize: int) -> PreparedData:
    return PreparedData(Path(f"/{data.state}"), (), "digest", 100, 100, 22_200)


def prepare(
    matrix: Matrix, engine: FakeEngine, *cells: Cell, provide: Any = provide_data, tell: Any = lambda text: None
) -> dict[Cell, PreparedCell | str]:
    preparation = Preparation(matrix, {"local": engine}, "sha256:source", provide, tell)
    return preparation.prepare(tuple(PlannedCell(cell, "a", ("loaders",)) for cell in cells))


def test_a_cell_gets_all_that_it_needs_and_a_key(matrix: Matrix, threaded: Cell) -> None:
    ready = prepare(matrix, FakeEngine(), threaded)[threaded]
    assert isinstance(ready, PreparedCell)
    assert (ready.placement.loader_cpus, ready.placement.server_cpus) == (frozenset({0}), frozenset({1, 2}))
    assert (ready.directory, ready.timeout_s) == ("/seen/NY", matrix.timeout_s)
    assert ready.key.startswith("sha256:")


def test_what_several_cells_need_is_made_once_with_room_for_the_largest_pool(matrix: Matrix, threaded: Cell) -> None:
    engine = FakeEngine()
    prepare(matrix, engine, threaded, replace(threaded, poolsize=50))
    assert engine.asked == ["python 3.13", "postgres default for 60"]
    assert engine.made_ready == (["3.13"], ["17"])


def test_servers_allow_as_many_connections_as_a_campaign_had_that_is_reproduced(matrix: Matrix, threaded: Cell) -> None:
    engine = FakeEngine()
    preparation = Preparation(matrix, {"local": engine}, "sha256:source", provide_data, lambda text: None)
    preparation.prepare((PlannedCell(threaded, "a", ("loaders",)),), 130)
    assert engine.asked == ["python 3.13", "postgres default for 130"]


def test_no_server_starts_before_the_parts_of_all_cells_were_checked(matrix: Matrix, threaded: Cell) -> None:
    engine = FakeEngine()
    seen: list[str] = []
    cells = (threaded, replace(threaded, postgres="memory"), replace(threaded, python="3.14"))

    def refuse(parts: Mapping[Cell, CellParts | str]) -> None:
        seen.extend(one if isinstance(one, str) else one.server_facts.storage for one in parts.values())
        raise BadInput("other pins")

    preparation = Preparation(matrix, {"local": engine}, "sha256:source", provide_data, lambda text: None)
    with pytest.raises(BadInput, match="other pins"):
        preparation.prepare(tuple(PlannedCell(cell, "a", ()) for cell in cells), 30, refuse)
    assert seen == ["disk", "tmpfs", "no Python 3.14 here"]
    assert engine.asked == ["python 3.13", "python 3.14"]


def test_the_shared_memory_of_a_container_is_part_of_the_key_and_means_nothing_without_one(
    matrix: Matrix, threaded: Cell
) -> None:
    more = replace(matrix.postgres["default"], shm_size=2**30)
    asking = replace(matrix, postgres={**matrix.postgres, "default": more})

    def key(image: str | None, asked: Matrix) -> str:
        engine = FakeEngine()
        engine.image = image
        ready = prepare(asked, engine, threaded)[threaded]
        assert isinstance(ready, PreparedCell)
        return ready.key

    assert key(None, matrix) == key(None, asking)
    assert key("postgres:17", matrix) != key("postgres:17", asking)


def test_each_engine_makes_what_its_own_cells_need(matrix: Matrix, threaded: Cell) -> None:
    local, docker = FakeEngine(), FakeEngine()
    cells = (threaded, replace(threaded, engine="docker", postgres="memory"))
    preparation = Preparation(matrix, {"local": local, "docker": docker}, "", provide_data, lambda text: None)
    ready = preparation.prepare(tuple(PlannedCell(cell, "a", ("engines",)) for cell in cells))
    assert local.asked == ["python 3.13", "postgres default for 30"]
    assert docker.asked == ["python 3.13", "postgres memory for 30"]
    assert len({one.key for one in ready.values() if isinstance(one, PreparedCell)}) == 2


def test_what_cannot_be_had_is_tried_once_and_is_the_reason_of_its_cells(
    matrix: Matrix, threaded: Cell, uvloop_cell: Cell
) -> None:
    engine = FakeEngine()
    cells = [replace(cell, python="3.14") for cell in (threaded, uvloop_cell)]
    pg15 = replace(threaded, postgres="pg15")
    assert list(prepare(matrix, engine, *cells, pg15).values()) == [
        *["no Python 3.14 here"] * 2,
        "no PostgreSQL 15 here",
    ]
    assert engine.asked.count("python 3.14") == 1


def test_a_driver_that_the_lock_leaves_out_is_a_reason(matrix: Matrix, threaded: Cell, uvloop_cell: Cell) -> None:
    engine = FakeEngine(left_out={"aiopg": "it does not build"})
    prepared = prepare(matrix, engine, threaded, uvloop_cell)
    assert isinstance(prepared[threaded], PreparedCell)
    assert prepared[uvloop_cell] == "no aiopg for Python 3.13: it does not build"


def test_an_event_loop_that_the_lock_leaves_out_is_a_reason(matrix: Matrix, threaded: Cell, uvloop_cell: Cell) -> None:
    engine = FakeEngine(left_out={"uvloop": "no wheel"})
    on_asyncio = replace(uvloop_cell, loop="asyncio")
    prepared = prepare(matrix, engine, threaded, uvloop_cell, on_asyncio)
    assert prepared[uvloop_cell] == "no uvloop for Python 3.13: no wheel"
    assert isinstance(prepared[threaded], PreparedCell)
    assert isinstance(prepared[on_asyncio], PreparedCell)


def test_an_implementation_that_the_lock_leaves_out_is_a_reason(matrix: Matrix, threaded: Cell) -> None:
    engine = FakeEngine(left_out={"psycopg-c": "no compiler"})
    psycopg = replace(threaded, loader="row_by_row_psycopg_threaded", protocol="prepared", implementation="c")
    python = replace(psycopg, implementation="python")
    prepared = prepare(matrix, engine, psycopg, python)
    assert prepared[psycopg] == "no psycopg-c for Python 3.13: no compiler"
    assert isinstance(prepared[python], PreparedCell)
    assert engine.tried == ["row_by_row_psycopg_threaded --protocol prepared --implementation python"]


def test_each_combination_is_tried_once_on_the_server_of_its_first_cell_and_said_aloud(
    matrix: Matrix, threaded: Cell, uvloop_cell: Cell
) -> None:
    engine = FakeEngine()
    asyncpg = replace(uvloop_cell, loader="row_by_row_asyncpg", loop="rloop", protocol="extended")
    free = replace(threaded, python="3.14t", gil="default")
    cells = (threaded, replace(threaded, poolsize=50), replace(threaded, postgres="memory"), uvloop_cell, asyncpg)
    told: list[str] = []
    prepared = prepare(matrix, engine, *cells, free, replace(free, gil="off"), tell=told.append)
    assert all(isinstance(one, PreparedCell) for one in prepared.values())
    assert engine.tried == [
        "row_by_row_threaded",
        "row_by_row_asyncio --loop uvloop",
        "row_by_row_asyncpg --loop rloop --protocol extended",
        "row_by_row_threaded",
        "row_by_row_threaded PYTHON_GIL=0",
    ]
    assert told == [
        "preparing Python 3.13 and its packages",
        "preparing Python 3.14t and its packages",
        "preparing data ny",
        "preparing PostgreSQL default",
        "trying row_by_row_threaded, Python 3.13",
        "preparing PostgreSQL memory",
        "trying row_by_row_asyncio on uvloop, Python 3.13",
        "trying row_by_row_asyncpg on rloop, extended, Python 3.13",
        "trying row_by_row_threaded, Python 3.14t",
        "trying row_by_row_threaded, Python 3.14t without GIL",
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Finished(0, '{"supported": false, "reason": "no\\nway"}', "", 0.2), "no way"),
        (Finished(-11, "", "", 0.2), "ended by signal 11 (SIGSEGV) when it was tried"),
    ],
)
def test_a_combination_that_does_not_work_when_it_is_tried_keeps_all_its_cells_from_running(
    answer: Finished, reason: str, matrix: Matrix, threaded: Cell, uvloop_cell: Cell
) -> None:
    engine = FakeEngine()
    engine.answers = {"row_by_row_asyncio": answer}
    prepared = prepare(matrix, engine, threaded, uvloop_cell, replace(uvloop_cell, poolsize=5))
    assert isinstance(prepared[threaded], PreparedCell)
    assert [prepared[uvloop_cell], prepared[replace(uvloop_cell, poolsize=5)]] == [reason, reason]
    # A crash once only is none.
    assert engine.tried.count("row_by_row_asyncio --loop uvloop") == (2 if answer.returncode < 0 else 1)


@pytest.mark.parametrize(
    "first",
    [
        Finished(-11, "", "", 0.2),
        Finished(-9, "", "", 0.2, cause="out of memory: over 1 GB"),
        Finished(-15, "", "", 60.0, timed_out=True),
    ],
)
def test_what_did_not_come_to_its_own_end_is_tried_again(first: Finished, matrix: Matrix, threaded: Cell) -> None:
    answers = [first, Finished(0, '{"supported": false, "reason": "no way"}', "", 0.2)]

    class Engine(FakeEngine):
        def loader_host(self, python: str, packages: Packages = ()) -> FakeHost:
            host = super().loader_host(python, packages)
            host.run = lambda *arguments, **options: answers.pop(0)  # type: ignore[method-assign]
            return host

    assert prepare(matrix, Engine(), threaded)[threaded] == "no way"
    assert answers == []


@pytest.mark.parametrize(
    "answer",
    [
        Finished(1, "", "error: no answer\n", 0.2),
        Finished(-9, "", "", 0.2),
        Finished(-15, "", "", 60.0, timed_out=True),
        Failure("the engine is gone"),
    ],
)
def test_a_trial_that_fails_for_another_reason_is_left_to_the_runs(
    answer: Finished | Exception, matrix: Matrix, threaded: Cell
) -> None:
    engine = FakeEngine()
    engine.answers = {"row_by_row_threaded": answer}
    assert isinstance(prepare(matrix, engine, threaded)[threaded], PreparedCell)


def test_a_cell_that_the_plan_gives_up_is_not_prepared(matrix: Matrix, threaded: Cell) -> None:
    engine = FakeEngine()
    preparation = Preparation(matrix, {"local": engine}, "", provide_data, lambda text: None)
    assert preparation.prepare((PlannedCell(threaded, "a", (), "excluded"),)) == {threaded: "excluded"}
    assert engine.asked == []


def test_files_with_fewer_records_than_the_pool_has_connections_end_the_campaign(
    matrix: Matrix, threaded: Cell
) -> None:
    with pytest.raises(BadInput, match="data ny: 100 data records, so that 20 connections of a pool of 120 would get"):
        prepare(matrix, FakeEngine(), replace(threaded, poolsize=120))


def test_data_is_prepared_for_the_operations_of_each_larger_pool(matrix: Matrix, threaded: Cell) -> None:
    asked: list[int] = []

    def provide(data: DataSet, poolsize: int) -> PreparedData:
        asked.append(poolsize)
        return provide_data(data, poolsize)

    waiting = [replace(threaded, workload="wait", poolsize=pool) for pool in (1, 20, 100, 500)]
    prepare(matrix, FakeEngine(), threaded, *waiting, replace(threaded, poolsize=100), provide=provide)
    assert asked == [50, 100, 500]


@pytest.mark.parametrize("kind", [Failure, BadInput])
def test_a_download_that_fails_is_a_reason_but_files_that_cannot_be_made_end_the_campaign(
    matrix: Matrix, threaded: Cell, kind: type[Exception]
) -> None:
    def fail(data: DataSet, poolsize: int) -> PreparedData:
        raise kind("no answer")

    with pytest.raises(kind, match="no answer"):
        prepare(matrix, FakeEngine(), threaded, provide=fail)
    census = replace(matrix, data={**matrix.data, "ny": DataSet(source="census", state="New_York")})
    assert prepare(census, FakeEngine(), threaded, provide=fail) == {threaded: "data ny: no answer"}


def test_bad_data_ends_the_campaign(matrix: Matrix, threaded: Cell) -> None:
    def refuse(name: str, data: DataSet) -> PreparedData:
        raise BadInput("not a zip")

    with pytest.raises(BadInput, match=r"^data ny: not a zip$"):
        prepare(matrix, FakeEngine(), threaded, provide=refuse)


def test_the_key_of_a_cell_that_cannot_run_depends_on_its_axes_and_the_source(threaded: Cell) -> None:
    assert unsupported_key(threaded, "1") == unsupported_key(threaded, "1")
    assert unsupported_key(threaded, "1") != unsupported_key(threaded, "2")
    assert unsupported_key(threaded, "1") != unsupported_key(replace(threaded, poolsize=1), "1")


def test_the_harness_stays_off_the_cores_that_a_loader_has_to_itself(matrix: Matrix, threaded: Cell) -> None:
    shared = replace(threaded, resources="shared")
    assert harness_cpus(prepare(matrix, FakeEngine(), threaded, shared), ALLOWED) == frozenset({1, 2})
    assert harness_cpus(prepare(matrix, FakeEngine(), shared), ALLOWED) == ALLOWED
    assert harness_cpus({threaded: "cannot run"}, ALLOWED) == ALLOWED


def test_other_packages_are_another_host_that_is_made_before_any_server_starts(
    matrix: Matrix, threaded: Cell, uvloop_cell: Cell
) -> None:
    engine = FakeEngine()
    matrix = replace(matrix, packages={"older": {"aiopg": "1.3"}})
    older = replace(uvloop_cell, packages="older")
    prepared = prepare(matrix, engine, threaded, uvloop_cell, older)
    assert all(isinstance(one, PreparedCell) for one in prepared.values())
    assert engine.asked == ["python 3.13", "python 3.13 with packages", "postgres default for 30"]
    assert engine.tried.count("row_by_row_asyncio --loop uvloop") == 2


@pytest.mark.parametrize("kind", [BadInput, Unsupported])
def test_packages_that_cannot_be_had_are_named(matrix: Matrix, uvloop_cell: Cell, kind: type[Exception]) -> None:
    class WithoutPackages(FakeEngine):
        def loader_host(self, python: str, packages: Packages = ()) -> FakeHost:
            raise kind(f"not {packages}")

    message = "packages older: not (('aiopg', '1.3'),)"
    matrix, older = replace(matrix, packages={"older": {"aiopg": "1.3"}}), replace(uvloop_cell, packages="older")
    if kind is BadInput:
        with pytest.raises(BadInput) as caught:
            prepare(matrix, WithoutPackages(), older)
        assert str(caught.value) == message
    else:
        assert prepare(matrix, WithoutPackages(), older)[older] == message


def test_packets_are_delayed_by_netem_where_the_kernel_has_it_else_by_a_relay_which_is_another_cell(
    matrix: Matrix, threaded: Cell
) -> None:
    distant, keys = replace(threaded, network="distant"), set()
    for obstacle, delayed_by in ((None, "netem"), ("the kernel has no netem", "relay")):
        engine = FakeEngine()
        engine.netem_obstacle = obstacle
        ready = prepare(matrix, engine, distant)[distant]
        assert isinstance(ready, PreparedCell)
        assert ready.delayed_by == delayed_by
        keys.add(ready.key)
    assert len(keys) == 2
