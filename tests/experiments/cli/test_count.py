"""nox -s count, as a user runs it: a real load below valgrind or perf; and what it refuses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.run import utc_now
from experiments.engines.local import profilers
from experiments.engines.profilers import Instruments
from experiments.profiling import count
from experiments.records.campaign import load_campaign
from experiments.records.counts import CellCount
from experiments.records.folder import list_campaigns
from tests.experiments.cli.test_explain import options, write_matrix

MISSING = shutil.which("valgrind") is None or shutil.which("strace") is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of five blocks, which counts its one cell."""
    folder = tmp_path_factory.mktemp("counted")
    assert (
        main(
            [
                "matrix",
                *options(folder, write_matrix(folder, count=True)),
                "--repeats",
                "5",
                "--records",
                "6",
                "--patience",
                "0",
            ]
        )
        == 0
    )
    return folder


@pytest.fixture
def arguments(folder: Path, tmp_path: Path) -> list[str]:
    """Options of a copy of the campaign."""
    shutil.copytree(folder / "results", tmp_path / "results")
    return [*options(tmp_path, folder / "matrix.yaml"), "--records", "6"]


@pytest.mark.postgres
@pytest.mark.skipif(MISSING and "CI" not in os.environ, reason="needs valgrind and strace")
def test_a_campaign_counts_what_is_asked(folder: Path) -> None:
    (campaign,) = list_campaigns(folder / "results")
    (one,) = load_campaign(campaign).counts.values()
    assert one.instructions_reason is None
    assert one.instructions_per_row is not None
    assert 10_000 < one.instructions_per_row < 200_000
    assert one.system_calls_per_row is not None
    page = (campaign.path / "tables/small.md").read_text()
    assert f"| {one.instructions_per_row:,.0f} |" in " ".join(page.split())


@pytest.mark.postgres
def test_count_adds_a_count_to_the_campaign(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def count_cell(campaign: str, key: str, ready: PreparedCell, instruments: Instruments) -> CellCount:
        return CellCount(campaign, key, utc_now(), ready.cell, 12_345.0, 0.001, "valgrind")

    monkeypatch.setattr(count, "count_cell", count_cell)
    assert main(["count", *arguments]) == 0
    assert "1 cell counted, 0 cells not" in capsys.readouterr().out
    (campaign,) = list_campaigns(tmp_path / "results")
    assert len((campaign.path / "counts.jsonl").read_text().splitlines()) == 2
    assert "| 12,345 |" in " ".join((campaign.path / "tables/small.md").read_text().split())


@pytest.mark.postgres
def test_without_the_tools_it_says_so(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(profilers, "_find_obstacle", lambda instrument: "is not installed")
    assert main(["count", *arguments]) == 1
    assert "0 cells counted, 1 cell not" in capsys.readouterr().out
    (campaign,) = list_campaigns(tmp_path / "results")
    page = (campaign.path / "tables/small.md").read_text()
    assert "No instructions are counted of 1 cell: perf: is not installed; valgrind: is not installed.\n" in page
    assert "No system calls are counted of 1 cell: perf: is not installed; strace: is not installed.\n" in page
    assert "instructions/row" not in page


def test_an_experiment_that_does_not_ask_has_to_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = options(tmp_path, write_matrix(tmp_path))
    assert main(["count", *arguments]) == 2
    assert "has no 'count: true'; name it with --experiment" in capsys.readouterr().err
    assert main(["count", *arguments, "--experiment", "small"]) == 2
    assert "no campaign has the cell row_by_row_threaded" in capsys.readouterr().err
