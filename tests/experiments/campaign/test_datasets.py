from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bigdata.registry import TypedInserts
from experiments.campaign.datasets import AskedOperations, provide, run_program
from experiments.errors import BadInput, Failure
from experiments.matrix.cell import Cell
from experiments.matrix.spec import DataSet
from experiments.records.facts import DataFacts

SYNTHETIC = DataSet(source="synthetic", state="NY", segments=("01", "02"), records=100, seed=7)


class Program:
    """Stands for the loader's command line: fills folders, digests to 222 rows."""

    def __init__(self, rows: int = 222) -> None:
        self.calls: list[list[str]] = []
        self._rows = rows

    def __call__(self, arguments: Sequence[str]) -> str:
        self.calls.append(list(arguments))
        if arguments[0] == "digest":
            counts = {"geo_records": 1, "data_records": 1, "rows": self._rows}
            return json.dumps({"digest": "geo:1:1;data:222:2", **counts, "inserts": {"geo": [1], "data": [2, 220]}})
        directory = Path(arguments[arguments.index("--directory") + 1])
        (directory / "nygeo_uf1.zip").touch()
        return ""


def test_synthetic_data_is_generated_once_into_the_cache(tmp_path: Path) -> None:
    program = Program()
    first = provide(SYNTHETIC, cache=tmp_path, source="sha256:1", program=program)
    again = provide(SYNTHETIC, cache=tmp_path, source="sha256:1", program=program)
    assert first == again
    assert [path.name for path in first.directory.iterdir()] == ["nygeo_uf1.zip"]
    assert first.directory.parent == tmp_path / "data"
    assert [call[0] for call in program.calls] == ["generate", "digest", "digest"]
    chosen = ["--state", "NY", "--segments", "01,02", "--records", "100", "--seed", "7"]
    assert program.calls[0][3:] == chosen
    assert first.arguments == ("--segments", "01,02", "--records", "100")
    assert first.inserts == TypedInserts((1,), (2, 220))
    assert first.facts() == DataFacts("geo:1:1;data:222:2", geo_records=1, data_records=1, rows=222)


def test_closed_and_open_loops_have_operations_of_their_own(tmp_path: Path, threaded: Cell) -> None:
    def told(operations: int) -> dict[str, Any]:
        return {"lookup": {"operations": operations, "checked": 1, "rows": 2, "answers": None, "digest": "d"}}

    class Operating(Program):
        def __call__(self, arguments: Sequence[str]) -> str:
            report = super().__call__(arguments)
            more = {"workloads": told(2), "open_loops": told(10)}
            return json.dumps({**json.loads(report), **more}) if arguments[0] == "digest" else report

    data = provide(SYNTHETIC, cache=tmp_path, source="sha256:1", program=Operating())
    looking = replace(threaded, workload="lookup")
    closed, opened = (data.operations_of(one) for one in (looking, replace(looking, arrivals="70%")))
    assert (closed, opened) == (AskedOperations(2, 1, 2, None, "d"), AskedOperations(10, 1, 2, None, "d"))
    assert data.operations_of(threaded) is None


def test_campaigns_that_need_the_same_data_at_once_generate_it_once(tmp_path: Path) -> None:
    class Slow(Program):
        def __call__(self, arguments: Sequence[str]) -> str:
            if arguments[0] == "generate":
                time.sleep(0.2)
            return super().__call__(arguments)

    program = Slow()
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: provide(SYNTHETIC, cache=tmp_path, source="", program=program), range(3)))
    assert found == [found[0]] * 3
    assert [call[0] for call in program.calls].count("generate") == 1


def test_other_sources_of_the_loader_generate_anew(tmp_path: Path) -> None:
    program = Program()
    first = provide(SYNTHETIC, cache=tmp_path, source="sha256:1", program=program)
    other = provide(SYNTHETIC, cache=tmp_path, source="sha256:2", program=program)
    assert first.directory != other.directory


def test_what_was_not_completed_is_not_used(tmp_path: Path) -> None:
    def break_off(arguments: Sequence[str]) -> str:
        Program()(arguments)
        raise Failure("killed")

    with pytest.raises(Failure):
        provide(SYNTHETIC, cache=tmp_path, source="sha256:1", program=break_off)
    program = Program()
    provide(SYNTHETIC, cache=tmp_path, source="sha256:1", program=program)
    assert [call[0] for call in program.calls] == ["generate", "digest"]


def test_census_data_is_fetched_whatever_the_loaders_source(tmp_path: Path) -> None:
    program = Program()
    census = DataSet(source="census", state="New_York", records=100)
    for source in ("sha256:1", "sha256:2"):
        provide(census, cache=tmp_path, source=source, program=program)
    assert [call[0] for call in program.calls] == ["fetch", "digest", "digest"]
    assert program.calls[0][3:] == ["--state", "New_York", "--segments", "01"]


def test_a_directory_is_used_where_it_is(tmp_path: Path) -> None:
    program = Program()
    data = provide(
        DataSet(source="directory", path=str(tmp_path), records="all"), cache=tmp_path, source="", program=program
    )
    assert data.directory == tmp_path
    assert data.arguments == ("--segments", "01")
    assert [call[0] for call in program.calls] == ["digest"]


def test_data_without_a_record_is_bad_input(tmp_path: Path) -> None:
    data = DataSet(source="directory", path=str(tmp_path), segments=("02",))
    with pytest.raises(BadInput, match=r"holds no data records of segments 02"):
        provide(data, cache=tmp_path, source="", program=Program(rows=0))


def test_the_loaders_refusal_of_files_is_passed_on_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"^{tmp_path}: holds no zip file of Summary File 1"):
        run_program(["digest", "--directory", str(tmp_path), "--report", "-"])


def test_a_download_that_fails_says_why_and_its_attempts_are_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The program is another process, which waits between its attempts.
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep = lambda seconds: None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    missing = ["fetch", "--directory", str(tmp_path), "--state", "Nowhere"]
    with pytest.raises(BadInput, match="'Nowhere'"):
        run_program(missing)
    unreachable = [*missing[:3], "--state", "New_York", "--base-url", "http://127.0.0.1:1/"]
    with pytest.raises(BadInput, match=r"nygeo_uf1\.zip: the connection failed: .*, in 4 attempts"):
        run_program(unreachable)
    heard = capfd.readouterr().err
    assert heard.count("next attempt in") == 3
    assert "error: " not in heard


def test_the_loaders_own_files_have_the_digest_that_the_harness_expects(tmp_path: Path) -> None:
    data = provide(DataSet(source="synthetic", state="NY", records=3), cache=tmp_path, source="sha256:1")
    assert (data.geo_records, data.data_records, data.rows) == (3, 3, 666)
    assert data.digest.startswith("geo:3:")
