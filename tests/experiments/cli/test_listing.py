from __future__ import annotations

import json

import pytest

from experiments.__main__ import main
from tests.project import ROOT

LIST = ("matrix", "--list", "--engine", "local", "--matrix", str(ROOT / "matrix.yaml"))


def test_every_experiment_and_profile_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LIST, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    names = [one["name"] for one in document["experiments"]]
    assert {"io_or_cpu", "drivers", "neighbours"} <= set(names)
    assert document["profiles"]["smoke"] == ["loaders"]
    assert main(LIST) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [*names, *(f"profile {name}" for name in document["profiles"])]
    assert "profile full: all" in lines


def test_of_a_chosen_experiment_the_cells_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LIST, "--experiment", "loaders", "--only", "loop=uvloop"]) == 0
    title, *cells = capsys.readouterr().out.splitlines()
    assert title == "loaders: Is asyncio faster than threads, and is it the loop or the driver? (2 cells)"
    assert [cell.partition(",")[0] for cell in cells] == ["  - row_by_row_threaded", "  - row_by_row_asyncio on uvloop"]


def test_a_plan_is_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LIST[:1], *LIST[2:], "--plan", "--json"]) == 2
    assert capsys.readouterr().err == "error: --json cannot be combined with --plan; use --list --json for the cells\n"
