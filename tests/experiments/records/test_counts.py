"""Counts in ``counts.jsonl``: what is written is read, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.records.campaign import load_campaign
from experiments.records.counts import CellCount, from_json_line, to_json_line
from experiments.records.description import Description
from experiments.records.folder import create


@pytest.fixture
def one(threaded: Cell) -> CellCount:
    return CellCount(
        campaign="c",
        cell_key="sha256:a",
        counted_at="2026-11-22T14:30:02Z",
        cell=threaded,
        instructions_per_row=44_900.0,
        noise=0.01,
        instructions_tool="valgrind",
        system_calls_reason="strace: is not installed",
        connections=4,
    )


def test_a_count_that_is_written_is_read_again(one: CellCount) -> None:
    assert from_json_line(to_json_line(one).encode(), "counts.jsonl:1") == one


@pytest.mark.parametrize(
    ("field", "value"), [("instructions_per_row", 0.0), ("noise", -0.1), ("system_calls_per_row", 1e300)]
)
def test_a_number_out_of_bounds_is_refused_with_its_field(one: CellCount, field: str, value: float) -> None:
    changed: dict[str, Any] = {field: value}
    line = to_json_line(replace(one, **changed)).encode()
    with pytest.raises(BadInput, match=rf"^counts.jsonl:1: not valid by schema 1: {field}: found "):
        from_json_line(line, "counts.jsonl:1")


def test_the_last_count_of_a_cell_is_valid_and_a_torn_one_is_cut(
    one: CellCount, description: Description, tmp_path: Path
) -> None:
    folder = create(tmp_path, description)
    assert load_campaign(folder).counts == {}
    folder.append_count(one)
    folder.append_count(replace(one, instructions_per_row=45_000.0))
    with (folder.path / "counts.jsonl").open("a") as file:
        file.write('{"schema": 1, "cam')
    with pytest.raises(BadInput, match=r"counts.jsonl:3: not JSON"):
        folder.counts()
    folder.repair()
    assert {key: each.instructions_per_row for key, each in load_campaign(folder).counts.items()} == {
        "sha256:a": 45_000.0
    }
