"""nox -s explain, as a user runs it, on a PostgreSQL of its own; and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from experiments.__main__ import main
from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.profiling.explain import can_be_explained, choose_folders
from experiments.records.description import Description, ShownCell
from experiments.records.folder import create, list_campaigns
from tests.project import ROOT


def write_matrix(folder: Path, **experiment: object) -> Path:
    """The project's matrix with one small experiment."""
    matrix = yaml.safe_load((ROOT / "matrix.yaml").read_text())
    lists = {"loader": ["row_by_row_threaded"], "poolsize": [3]}
    matrix |= {"experiments": {"small": {"question": "Why?", "matrix": lists, **experiment}}, "profiles": {}}
    matrix["baseline"] = {"loader": "row_by_row_threaded", "poolsize": 3}
    matrix["data"]["ny"]["records"] = 20
    path = folder / "matrix.yaml"
    path.write_text(yaml.safe_dump(matrix))
    return path


def options(folder: Path, matrix: Path) -> list[str]:
    return ["--engine", "local", "--matrix", str(matrix), "--results", str(folder / "results")]


@pytest.mark.postgres
def test_an_experiment_that_asks_has_a_page_for_each_cell_and_explain_adds_those_of_others(tmp_path: Path) -> None:
    path = write_matrix(tmp_path, explain=True)
    matrix = yaml.safe_load(path.read_text())
    lists = {"loader": ["row_by_row_asyncio"], "loop": ["uvloop"], "poolsize": [3]}
    matrix["experiments"]["loop"] = {"question": "Why?", "matrix": lists}
    path.write_text(yaml.safe_dump(matrix))
    arguments = options(tmp_path, path)
    assert main(["matrix", *arguments, "--repeats", "1", "--patience", "0"]) == 0
    (campaign,) = list_campaigns(tmp_path / "results")
    (page,) = (campaign.path / "explained").glob("*.md")
    text = page.read_text()
    assert "INSERT INTO data_element" in text
    assert "`cursor.execute(INSERT_ELEMENT, (geo_id, item_id, value))`" in text
    assert "| waiting for the server" in text
    assert "time of 3 workers" in text
    assert str(tmp_path) not in text
    # All of them were ok, and none is of the run with instruments.
    assert {record.block for record in campaign.records()} == {1}
    assert main(["explain", *arguments, "--experiment", "loop", "--only", "loop=uvloop"]) == 0
    (of_loop,) = {*(campaign.path / "explained").glob("*.md")} - {page}
    assert "## The event loop" in of_loop.read_text()
    assert "| p95" in of_loop.read_text()


def test_a_cell_that_no_campaign_has_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matrix = write_matrix(tmp_path)
    assert main(["explain", *options(tmp_path, matrix)]) == 2
    told = capsys.readouterr().err
    assert "no campaign has the cell row_by_row_threaded, pool 3" in told
    assert "nox -s matrix" in told


def test_a_cell_that_a_campaign_found_unable_to_run_is_told_and_left_out(
    tmp_path: Path, threaded: Cell, description: Description
) -> None:
    quarter = replace(threaded, resources="pod_0.25")
    cells = tuple(
        ShownCell(cell.resources, "a", ("loaders",), cell, obstacle)
        for cell, obstacle in ((threaded, None), (quarter, "no limits here"))
    )
    folder = create(tmp_path, replace(description, cells=cells))
    told: list[str] = []
    assert choose_folders([threaded, quarter], [folder], tmp_path, told.append) == {threaded: folder}
    assert told == [f"not explained, as it cannot run: {quarter.label()}: no limits here"]
    other = replace(threaded, poolsize=7)
    assert choose_folders([other, threaded], [folder], tmp_path, told.append) == {threaded: folder}
    assert told[1:] == [f"not explained, as no campaign has it: {other.label()}"]
    with pytest.raises(BadInput, match="none of these cells can run here"):
        choose_folders([quarter], [folder], tmp_path, told.append)


def test_a_ceiling_and_what_cannot_run_are_not_explained(threaded: Cell) -> None:
    ceiling = replace(threaded, loader="ceiling_copy")
    planned = [PlannedCell(threaded, arm, ("loaders",)) for arm in ("a", "b")]
    planned += [
        PlannedCell(ceiling, "a", ("loaders",)),
        PlannedCell(replace(threaded, poolsize=1), "a", (), "no wheel"),
    ]
    assert can_be_explained(planned) == [threaded]
