from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from experiments.__main__ import main
from experiments.matrix.spec import load_matrix
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record
from tests.experiments.made_campaigns import measured
from tests.project import ROOT

MATRIX = ROOT / "matrix.yaml"


@pytest.fixture
def published(tmp_path: Path, description: Description, make_record: Callable[..., Record]) -> Path:
    matrix: dict[str, Any] = json.loads(json.dumps(asdict(load_matrix(MATRIX))))
    one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    side = measured(replace(description, matrix=matrix), make_record, one)
    folder = create(tmp_path / "published", side.description)
    for record in side.records:
        folder.append(record)
    return folder.path


def reproduce(published: Path, *arguments: str) -> int:
    results = str(published.parent.parent / "again")
    return main(["matrix", "--reproduce", str(published), "--results", results, *arguments])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--matrix", "matrix.yaml"),
        ("--profile", "smoke"),
        ("--experiment", "loaders"),
        ("--only", "poolsize=1"),
        ("--engine", "local"),
        ("--records", "5"),
    ],
)
def test_what_the_campaign_decides_cannot_be_chosen(
    option: str, value: str, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce(published, option, value) == 2
    assert capsys.readouterr().err == (
        f"error: {option} cannot be combined with --reproduce, which takes it from the campaign; "
        "use --cell to select cells\n"
    )


@pytest.mark.parametrize("option", [["--cell", "aa1"], ["--force"]])
def test_options_of_a_reproduction_mean_nothing_without_one(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", "--plan", *option]) == 2
    assert capsys.readouterr().err == (f"error: {option[0]} requires --reproduce; use --only to select cells\n")


def test_a_campaign_that_is_not_there_is_refused_with_what_is(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", "--reproduce", "2026", "--results", str(published.parent)]) == 2
    assert capsys.readouterr().err == (
        f"error: '2026' is neither a campaign of {published.parent} nor the folder of one (known: {published.name})\n"
    )


def test_the_plan_has_the_campaigns_cells_blocks_and_seed_and_runs_nothing(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce(published, "--plan") == 0
    out = capsys.readouterr().out
    cells = [line for line in out.splitlines() if line.startswith("- ")]
    assert len(cells) == 4
    assert cells[1].startswith(
        "- row_by_row_threaded, pool 20, Python 3.13, PostgreSQL default, data ny, cores split, "
    )
    assert cells[3].endswith("(loaders); cannot run: no wheel of aiopg | none at all")
    assert "each block in its own shuffled order (seed 2014)" in out
    assert not (published.parent.parent / "again").exists()


def test_fewer_blocks_than_a_verdict_needs_are_refused_before_anything_runs(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce(published, "--repeats", "2") == 2
    assert capsys.readouterr().err.startswith("error: --reproduce: no cell could get a verdict: 2 blocks planned, ")
    assert not (published.parent.parent / "again").exists()


def test_a_chosen_cell_and_fewer_blocks_are_planned_with_its_baseline(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce(published, "--plan", "--cell", "row_by_row_threaded", "--repeats", "2", "--force") == 0
    cells = [line for line in capsys.readouterr().out.splitlines() if line.startswith("- ")]
    assert [", again" in line for line in cells] == [False, True]
    assert reproduce(published, "--plan", "--cell", "row_by") == 2
    assert capsys.readouterr().err.startswith("error: --cell: 'row_by' is ambiguous (2 cell keys match)")


def test_the_campaign_to_reproduce_is_left_as_it_is(published: Path) -> None:
    before = {path: path.read_bytes() for path in published.rglob("*") if path.is_file()}
    assert reproduce(published, "--plan") == 0
    assert {path: path.read_bytes() for path in published.rglob("*") if path.is_file()} == before
    assert CampaignFolder(published).description().reproduces is None
