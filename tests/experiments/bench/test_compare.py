from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from bigdata.registry import LOADERS
from experiments.affinity import Placement, allowed_cpus
from experiments.bench.compare import SCRIPTS, Bench, compare_loaders, compare_reading
from experiments.commands.bench import make_bench
from experiments.datasets import ReadyData
from experiments.engines.local.engine import LocalEngine
from experiments.engines.protocol import Finished
from experiments.judge import Trouble

CORES = Placement(allowed_cpus(), allowed_cpus(), None, None)


class FakeHost:
    """Answers as the loader and the minimal scripts do: the loader uses 22 us per row, the scripts 20."""

    def __init__(self, returncode: int = 0) -> None:
        self.started: list[str] = []
        self.returncode = returncode

    def run(self, arguments: Sequence[str], **surroundings: Any) -> Finished:
        self.started.append(" ".join(arguments))
        phases = {"data": {"rows": 1000, "user_s": 0.020, "system_s": 0.002}}
        return Finished(0, json.dumps({"phases": phases}), "", 0.1)

    def run_script(self, script: Path, arguments: Sequence[str], **surroundings: Any) -> Finished:
        self.started.append(script.name)
        answer = {"rows": 1000, "user_s": 0.015, "system_s": 0.005, "bare_s": 0.5, "lines_s": 0.6, "records_s": 1.5}
        return Finished(self.returncode, json.dumps(answer), "it\nbroke", 0.1)


def fake_bench(host: FakeHost, pairs: int = 5) -> Bench:
    data = ReadyData(Path("data"), (), "digest", 10, 10, 2220)
    return Bench(cast(Any, host), cast(Any, None), CORES, data, records=10, poolsize=4, pairs=pairs)


def silent(text: str) -> None:
    """Progress that nobody reads."""


def test_every_loader_runs_in_turn_with_the_script_of_its_driver_on_every_loop() -> None:
    host = FakeHost()
    found = list(compare_loaders(fake_bench(host, pairs=2), silent))
    assert [one.name for one in found] == [
        "row_by_row_threaded",
        "row_by_row_asyncio asyncio",
        "row_by_row_asyncio uvloop",
    ]
    assert (
        host.started[:6]
        == [
            "clear --report -",
            "run row_by_row_threaded --directory data --records 10 --poolsize 4 --prepared --report -",
            "minimal_psycopg2.py",
        ]
        * 2
    )


def test_the_ratio_is_that_of_client_cpu_per_row() -> None:
    first = next(compare_loaders(fake_bench(FakeHost()), silent))
    assert (first.ours.value, first.other.value) == pytest.approx((22.0, 20.0))
    assert first.ratio.value == pytest.approx(1.1)
    assert (first.ratio.low, first.ratio.high) == pytest.approx((1.1, 1.1))


def test_reading_is_compared_with_the_bare_loop_in_the_same_process() -> None:
    lines, records = compare_reading(fake_bench(FakeHost()), Path("state"), silent)
    assert [lines.name, records.name] == ["checked lines", "parsed records"]
    assert [lines.ratio.value, records.ratio.value] == pytest.approx([1.2, 3.0])


def test_a_script_that_fails_ends_the_comparison_with_its_last_words() -> None:
    with pytest.raises(Trouble, match=r"^reading\.py: broke$"):
        list(compare_reading(fake_bench(FakeHost(returncode=1)), Path("state"), silent))


@pytest.mark.parametrize("driver", sorted({loader.driver for loader in LOADERS.values()}))
def test_every_driver_has_its_minimal_script(driver: str) -> None:
    assert (SCRIPTS / f"minimal_{driver}.py").is_file()


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine() as entered:
        yield entered


@pytest.mark.postgres
def test_the_scripts_do_the_loaders_work_on_a_real_server(engine: LocalEngine) -> None:
    bench = make_bench(engine, python=None, records=3, poolsize=2, pairs=1)
    found = list(compare_loaders(bench, silent))
    assert len(found) == 3
    assert all(one.other.value > 0 for one in found)
