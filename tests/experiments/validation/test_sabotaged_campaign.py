"""A whole campaign in which one loader does other work than it is asked for: what a user gets to see of it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.records.folder import list_campaigns
from tests.bigdata import loader_program as program
from tests.experiments.validation.sabotage import AIOPG, DROPS_A_RECORD, copy_package, sabotaged_copy
from tests.project import matrix_with_pool

pytestmark = pytest.mark.postgres


def sabotaged_project(folder: Path) -> Path:
    """All that a checkout needs to run a campaign, with an aiopg that drops a record."""
    sabotaged_copy(folder, DROPS_A_RECORD[AIOPG])
    for name in ("experiments", "docker"):
        copy_package(name, folder)
    matrix_with_pool(folder, 3)
    return folder


def test_a_loader_that_drops_a_record_is_a_row_without_numbers_and_the_command_fails(tmp_path: Path) -> None:
    project, results = sabotaged_project(tmp_path / "project"), tmp_path / "results"
    directory = program.generate(tmp_path / "files", state="NY", records=3)
    chosen = ["--engine", "local", "--experiment", "loaders", "--only", "loop=uvloop", "--repeats", "1"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "experiments", "matrix", *chosen),
            *("--data", str(directory), "--results", str(results), "--patience", "0"),
        ],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (folder,) = list_campaigns(results)

    status = {(record.cell.loader, record.arm): (record.status, record.reason) for record in folder.records()}
    threaded, asyncio = "row_by_row_threaded", "row_by_row_asyncio"
    assert status.keys() == {(threaded, "a"), (threaded, "b"), (asyncio, "a")}
    assert status[threaded, "a"] == status[threaded, "b"] == ("ok", None)
    assert status[asyncio, "a"][0] == "wrong_work"
    assert str(status[asyncio, "a"][1]).startswith("rows: 444 of 666; ")

    with (folder.path / "tables" / "loaders.csv").open(newline="") as file:
        rows = {(row["loader"], row["arm"]): row for row in csv.DictReader(file)}
    wrong = rows[asyncio, "a"]
    assert (wrong["ok"], wrong["wrong_work"]) == ("0", "1")
    numbers = {column: wrong[column] for column in wrong if column.startswith(("rows_per_s", "ratio", "cpu_us"))}
    assert {"rows_per_s", "ratio", "ratio_low", "ratio_high", "cpu_us_per_row"} <= numbers.keys()
    assert set(numbers.values()) == {""}
    assert wrong["note"].startswith("1 wrong_work: rows: 444 of 666")
    assert rows[threaded, "b"]["ratio"] != ""
    assert "1 wrong_work" in (folder.path / "tables" / "loaders.md").read_text()
