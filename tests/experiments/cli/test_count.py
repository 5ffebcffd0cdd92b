"""nox -s count, as a user runs it: a real load below valgrind or perf; and what it refuses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.engines.local import profilers
from experiments.records.campaign import load_campaign
from experiments.records.folder import list_campaigns
from tests.experiments.cli.test_explain import options, write_matrix

MISSING = shutil.which("valgrind") is None or shutil.which("strace") is None


@pytest.mark.postgres
@pytest.mark.skipif(MISSING and "CI" not in os.environ, reason="needs valgrind and strace")
def test_a_campaign_counts_what_is_asked_and_count_adds_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = write_matrix(tmp_path, count=True)
    arguments = options(tmp_path, matrix)
    assert main(["matrix", *arguments, "--repeats", "5"]) == 0
    (folder,) = list_campaigns(tmp_path / "results")
    (one,) = load_campaign(folder).counts.values()
    assert one.instructions_reason is None
    assert one.instructions_per_row is not None
    assert 10_000 < one.instructions_per_row < 200_000
    assert one.system_calls_per_row is not None
    assert f"| {one.instructions_per_row:,.0f} |" in " ".join((folder.path / "tables/small.md").read_text().split())
    assert main(["count", *arguments]) == 0
    assert "1 cell counted, 0 cells not" in capsys.readouterr().out
    assert len((folder.path / "counts.jsonl").read_text().splitlines()) == 2


@pytest.mark.postgres
def test_without_the_tools_the_campaign_runs_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profilers, "_find_obstacle", lambda instrument: "is not installed")
    arguments = options(tmp_path, write_matrix(tmp_path, count=True))
    assert main(["matrix", *arguments, "--repeats", "5"]) == 0
    (folder,) = list_campaigns(tmp_path / "results")
    page = (folder.path / "tables/small.md").read_text()
    assert "No instructions are counted of 1 cell: perf: is not installed; valgrind: is not installed.\n" in page
    assert "No system calls are counted of 1 cell: perf: is not installed; strace: is not installed.\n" in page
    assert "instructions/row" not in page
    assert main(["count", *arguments]) == 1


def test_an_experiment_that_does_not_ask_has_to_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = options(tmp_path, write_matrix(tmp_path))
    assert main(["count", *arguments]) == 2
    assert "has no 'count: true'; name it with --experiment" in capsys.readouterr().err
    assert main(["count", *arguments, "--experiment", "small"]) == 2
    assert "no campaign has the cell row_by_row_threaded" in capsys.readouterr().err
