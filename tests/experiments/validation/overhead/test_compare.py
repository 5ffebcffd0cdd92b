from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bigdata.registry import CONTESTANTS, Loader
from experiments.campaign.datasets import PreparedData
from experiments.cli.bench import make_bench
from experiments.engines.loader_report import RunFailed
from experiments.engines.local.engine import LocalEngine
from experiments.engines.postgres import DATABASE
from experiments.engines.protocol import Finished, Launch
from experiments.environment.affinity import allowed_cpus
from experiments.records.facts import Placement
from experiments.validation.overhead.compare import (
    SCRIPTS,
    Bench,
    Comparison,
    Skipped,
    compare_loaders,
    compare_reading,
    minimal_script,
)
from tests.experiments.validation.overhead.minimal_loads import loads_of

COMPARED = [loader for loader in CONTESTANTS.values() if loader.layer_over is None]
CORES = Placement(allowed_cpus(), allowed_cpus(), None, None)


class FakeHost:
    """Answers as the loader and the minimal scripts do: the loader uses 22 us per row, the scripts 20."""

    def __init__(self, returncode: int = 0) -> None:
        self.started: list[str] = []
        self.returncode = returncode

    def run(self, launch: Launch) -> Finished:
        arguments = launch.arguments
        self.started.append(" ".join(arguments))
        if arguments[0] == "check":
            reason = None if "rloop" not in arguments else "rloop cannot be imported"
            return Finished(0, json.dumps({"supported": reason is None, "reason": reason}), "", 0.1)
        phases = {"data": {"rows": 1000, "user_s": 0.020, "system_s": 0.002}}
        return Finished(0, json.dumps({"phases": phases}), "", 0.1)

    def run_script(self, script: Path, launch: Launch) -> Finished:
        self.started.append(f"{script.name} {launch.arguments[0]}")
        answer = {"rows": 1000, "user_s": 0.015, "system_s": 0.005, "bare_s": 0.5, "lines_s": 0.6, "records_s": 1.5}
        return Finished(self.returncode, json.dumps(answer), "it\nbroke", 0.1)


def fake_bench(host: FakeHost, pairs: int = 5) -> Bench:
    data = PreparedData(Path("data"), (), "digest", 10, 10, 2220)
    return Bench(cast(Any, host), cast(Any, None), CORES, data, records=10, poolsize=4, pairs=pairs)


def silent(text: str) -> None:
    """Progress that nobody reads."""


def test_every_loader_runs_in_turn_with_its_script_on_every_loop() -> None:
    found = compare_loaders(fake_bench(FakeHost(), pairs=1), COMPARED, silent)
    pairs = [(loader.name, loop) for loader in COMPARED for loop in loader.loops or ("",)]
    assert [one.name for one in found] == [f"{name} {loop}".strip() for name, loop in pairs]


def test_a_layer_over_a_driver_is_skipped_with_the_loader_that_it_is_compared_with() -> None:
    layer = CONTESTANTS["row_by_row_sqlalchemy_core_asyncio"]
    assert list(compare_loaders(fake_bench(FakeHost()), [layer], silent)) == [
        Skipped(layer.name, "it is a layer over row_by_row_asyncpg, which an experiment compares it with")
    ]


def test_the_loader_runs_first_on_empty_tables_then_the_script() -> None:
    host = FakeHost()
    list(compare_loaders(fake_bench(host, pairs=2), [CONTESTANTS["row_by_row_threaded"]], silent))
    assert (
        host.started
        == ["check row_by_row_threaded --report -"]
        + [
            "clear --report -",
            "run row_by_row_threaded --directory data --records 10 --poolsize 4 --prepared --report -",
            "minimal_psycopg2.py row_by_row_threaded",
        ]
        * 2
    )


def test_a_loader_with_one_connection_is_not_asked_for_more() -> None:
    host = FakeHost()
    list(compare_loaders(fake_bench(host, pairs=1), [CONTESTANTS["row_by_row_serial"]], silent))
    assert "--poolsize 1 " in host.started[2]


def test_what_cannot_run_here_is_skipped_with_the_reason() -> None:
    host = FakeHost()
    found = list(compare_loaders(fake_bench(host, pairs=1), [CONTESTANTS["row_by_row_asyncpg"]], silent))
    assert found[2] == Skipped("row_by_row_asyncpg rloop", "rloop cannot be imported")
    assert [type(one) for one in found] == [Comparison, Comparison, Skipped]
    assert host.started[-1] == "check row_by_row_asyncpg --loop rloop --report -"


def test_the_ratio_is_that_of_client_cpu_per_row() -> None:
    first = next(compare_loaders(fake_bench(FakeHost()), COMPARED, silent))
    assert isinstance(first, Comparison)
    assert (first.ours.value, first.other.value) == pytest.approx((22.0, 20.0))
    assert first.ratio.value == pytest.approx(1.1)
    assert (first.ratio.low, first.ratio.high) == pytest.approx((1.1, 1.1))


def test_reading_is_compared_with_the_bare_loop_in_the_same_process() -> None:
    lines, records = compare_reading(fake_bench(FakeHost()), Path("state"), silent)
    assert [lines.name, records.name] == ["checked lines", "parsed records"]
    assert [lines.ratio.value, records.ratio.value] == pytest.approx([1.2, 3.0])


def test_a_script_that_fails_ends_the_comparison_with_its_last_words() -> None:
    with pytest.raises(RunFailed, match=r"^reading\.py: broke$"):
        list(compare_reading(fake_bench(FakeHost(returncode=1)), Path("state"), silent))


def test_no_load_is_left_of_a_loader_that_is_gone() -> None:
    loads = {script: loads_of(script) for script in SCRIPTS.glob("minimal_*.py")}
    assert {(script, name) for script, names in loads.items() for name in names} == {
        (minimal_script(loader), loader.name) for loader in COMPARED
    }


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine() as entered:
        yield entered


@pytest.fixture(scope="module")
def bench(engine: LocalEngine) -> Bench:
    return make_bench(engine, python=None, records=3, poolsize=2, pairs=1)


@pytest.mark.postgres
@pytest.mark.parametrize("loader", COMPARED, ids=lambda loader: loader.name)
def test_the_script_does_its_loaders_work_on_a_real_server(bench: Bench, loader: Loader) -> None:
    one_loop = replace(loader, loops=loader.loops[:1])
    (found,) = compare_loaders(bench, [one_loop], silent)
    assert isinstance(found, Comparison)
    assert found.other.value > 0
    assert bench.server.execute("SELECT count(*) FROM data_element", database=DATABASE) == "666"
