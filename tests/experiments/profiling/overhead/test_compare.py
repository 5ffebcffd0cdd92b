"""Loaders beside their minimal scripts: on fakes how they are counted, on a real server that both do the same work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bigdata.registry import CONTESTANTS, WORKLOADS, Loader
from experiments.campaign.datasets import PreparedData, providing
from experiments.campaign.prepare import Preparation
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.loader_report import RunFailed
from experiments.engines.local.engine import LocalEngine
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.postgres import DATABASE
from experiments.engines.profilers import VALGRIND, Instrument, Observed
from experiments.engines.protocol import Finished, Launch
from experiments.engines.select import Engines
from experiments.environment.affinity import allowed_cpus
from experiments.environment.hashes import source_hash
from experiments.matrix.cell import Cell
from experiments.matrix.expand import expand
from experiments.matrix.selection import Selection
from experiments.profiling.explanation import report_units
from experiments.profiling.overhead import compare
from experiments.profiling.overhead.compare import (
    SCRIPTS,
    Counted,
    Skipped,
    bench_matrix,
    compare_loaders,
    compare_reading,
    minimal_script,
    name_of,
)
from experiments.profiling.runs import InstrumentedRuns
from experiments.records.facts import Placement
from tests.experiments.profiling.overhead.minimal_loads import loads_of

CORES = Placement(allowed_cpus(), allowed_cpus(), None, None)
COMPARED = [loader for loader in CONTESTANTS.values() if minimal_script(loader)]


class FakeHost(LocalLoaderHost):
    """A host of the loader or of a script, which does nothing; notes what it starts."""

    def __init__(self, started: list[str], name: str = "loader", returncode: int = 0) -> None:
        self.started, self.name, self.returncode = started, name, returncode

    def run(self, launch: Launch) -> Finished:
        self.started.append(f"{self.name} {launch.arguments[0]}")
        return Finished(
            self.returncode, json.dumps({"bare_s": 0.5, "lines_s": 0.6, "records_s": 1.5}), "it\nbroke", 0.1
        )

    def of_script(self, script: Path) -> FakeHost:
        return FakeHost(self.started, script.name, self.returncode)


class FakeInstruments:
    """Count 102 instructions for an operation of a loader, and 100 for one of a script."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host

    def instruction_counter(self) -> Instrument:
        return VALGRIND

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        self.host.started.append(" ".join((self.host.name, *launch.arguments)))
        sizes = [int(size) for size in launch.arguments[-1].split(",")]
        loads, lines = [], ["==7== I   refs:      5000"]
        for pid, operations in enumerate((size * 100 for size in sizes), 8):
            phases = {"data": {"rows": operations, "operations": operations, "wall_s": 1.0}}
            loads.append({"phases": phases, "work": {"checked": 0}})
            total = 5_000 + operations * (102 if self.host.name == "loader" else 100)
            lines.append(f"=={pid}== I   refs:      {total}")
        report = json.dumps({"forked": [7, 8, 9, 10], "loads": loads})
        return Observed(Finished(0, report, "", 0.5), "\n".join(lines))


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch, threaded: Cell) -> PreparedCell:
    monkeypatch.setattr(compare, "LocalInstruments", FakeInstruments)
    data = PreparedData(Path("/data"), (), "digest", 100, 100, 22_200)
    cell = replace(threaded, workload="lookup")
    return PreparedCell(cell, "sha256:1", FakeHost([]), cast(Any, None), CORES, data, "/data", 60.0)


def test_a_script_is_counted_like_its_loader_by_the_same_command_line(ready: PreparedCell) -> None:
    (found,) = compare_loaders({ready.cell: ready}, lambda text: None)
    assert isinstance(found, Counted)
    assert (found.ours.each, found.other.each, found.ratio, found.noise) == (102, 100, 1.02, 0.0)
    runs = [line.split(" ", 1) for line in cast(FakeHost, ready.host).started if " run " in line]
    assert [name for name, _ in runs] == ["loader", "minimal_psycopg2.py"]
    assert runs[0][1] == runs[1][1]
    assert all("--workload lookup" in arguments and "--only-data" in arguments for _, arguments in runs)


def test_what_cannot_be_counted_has_its_reason(ready: PreparedCell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(compare_loaders({ready.cell: "no wheel"}, print)) == [Skipped(ready.cell, "no wheel")]
    broken = replace(ready, host=FakeHost([], returncode=1))
    (found,) = compare_loaders({ready.cell: broken}, lambda text: None)
    assert isinstance(found, Skipped)
    assert found.reason.endswith("broke")


def test_every_workload_is_compared_on_every_loop_over_one_connection() -> None:
    loaders = [CONTESTANTS["row_by_row_threaded"], CONTESTANTS["row_by_row_asyncpg"]]
    planned = expand(bench_matrix(loaders, ["ingest", "wait"], "default"), Selection(), Engines())
    assert sorted({name_of(one.cell) for one in planned}) == [
        *(
            f"row_by_row_asyncpg {loop} {name}"
            for loop in ("asyncio", "rloop", "uvloop")
            for name in ("ingest", "wait")
        ),
        *(f"row_by_row_threaded {name}" for name in ("ingest", "wait")),
    ]
    assert {one.cell.poolsize for one in planned} == {1}


def test_a_loader_of_another_layer_has_no_minimal_script() -> None:
    assert minimal_script(replace(CONTESTANTS["row_by_row_threaded"], driver="sqlalchemy")) is None


def test_reading_is_compared_with_the_bare_loop_in_the_same_process() -> None:
    lines, records = compare_reading(FakeHost([]), CORES, Path("state"), 5, lambda text: None)
    assert [lines.name, records.name] == ["checked lines", "parsed records"]
    assert [lines.ratio.value, records.ratio.value] == pytest.approx([1.2, 3.0])


def test_a_script_that_fails_ends_the_comparison_with_its_last_words() -> None:
    with pytest.raises(RunFailed, match=r"^reading\.py: broke$"):
        list(compare_reading(FakeHost([], returncode=1), CORES, Path("state"), 5, lambda text: None))


def test_no_load_is_left_of_a_loader_that_is_gone() -> None:
    loads = {script: loads_of(script) for script in SCRIPTS.glob("minimal_*.py")}
    assert {(script, name) for script, names in loads.items() for name in names} == {
        (minimal_script(loader), loader.name) for loader in COMPARED
    }


@pytest.fixture(scope="module")
def prepared() -> Iterator[dict[str, PreparedCell | str]]:
    matrix, source = bench_matrix(COMPARED, list(WORKLOADS), "default"), source_hash()
    planned = [one for one in expand(matrix, Selection(), Engines()) if one.cell.loop in (None, "asyncio")]
    with LocalEngine() as engine:
        preparation = Preparation(matrix, {"local": engine}, source, providing(source), print)
        yield {name_of(cell): ready for cell, ready in preparation.prepare(tuple(planned)).items()}


class Plain:
    """No instrument: the loader's host alone."""

    def __init__(self, host: LocalLoaderHost) -> None:
        self.host = host

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        return Observed(self.host.run(launch), None)


@pytest.mark.postgres
@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("loader", COMPARED, ids=lambda loader: loader.name)
def test_the_script_does_its_loaders_work_on_a_real_server(
    prepared: dict[str, PreparedCell | str], loader: Loader, workload: str
) -> None:
    loop = " asyncio" if loader.loops else ""
    ready = prepared[f"{loader.name}{loop} {workload}"]
    assert isinstance(ready, PreparedCell), ready
    script = minimal_script(loader)
    assert script is not None
    host = cast(LocalLoaderHost, ready.host).of_script(script)
    runs = InstrumentedRuns(ready, cast(Any, Plain(host)), only_data=True)
    report, _ = runs.observe(None, ["--records", "2", "--poolsize", "2" if loader.concurrent else "1"])
    done = WORKLOADS[workload].operations(2, 2) or 2 * 222
    assert report_units(report) == done
    inserted = done if WORKLOADS[workload].changes_data else 0
    elements = cast(Any, ready.server).execute("SELECT count(*) FROM data_element", database=DATABASE)
    assert int(elements) == 100 * 222 + inserted
