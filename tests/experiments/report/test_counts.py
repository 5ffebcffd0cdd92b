"""Counts in tables and comparisons: of rows, or of the operations of another workload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.counts import CountedTwice
from experiments.analysis.summary import summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.counts import CellCount
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from experiments.report.counts import compared_counts
from experiments.report.tables import markdown_table

UNITS = pytest.mark.parametrize(("workload", "unit"), [("ingest", "row"), ("fetch", "operation")])


def counted(cell: Cell, instructions: float) -> CellCount:
    return CellCount("c", "sha256:a", "2026-11-22T14:30:02Z", cell, instructions, 0.001, "valgrind", "3.19.0")


@UNITS
def test_a_table_says_what_its_instructions_are_of(
    description: Description, threaded: Cell, make_record: Callable[..., Record], workload: str, unit: str
) -> None:
    cell = replace(threaded, workload=workload)
    described = replace(description, cells=(ShownCell("sha256:a", "a", ("loaders",), cell),))
    campaign = Campaign(
        described, (make_record(cell, cell_key="sha256:a"),), counts={"sha256:a": counted(cell, 44_900.0)}
    )
    text = markdown_table(summarize(campaign, description.experiments[0]), campaign)
    assert f"| instructions/{unit} |" in " ".join(text.split())
    assert f"| system calls/{unit} |" in " ".join(text.split())
    assert f"*instructions/{unit}*: those of the client in user space" in text
    assert "counted apart from the timed runs by valgrind 3.19.0;" in text
    assert "| 44,900 |" in " ".join(text.split())


@pytest.mark.parametrize(
    ("tool", "why"),
    [(None, "has no count; nox -s count adds it"), ("perf", "was counted by perf, which counts differently")],
)
def test_a_ratio_that_is_missing_is_explained_by_the_baseline(
    description: Description,
    threaded: Cell,
    uvloop_cell: Cell,
    make_record: Callable[..., Record],
    tool: str | None,
    why: str,
) -> None:
    named = {"sha256:a": threaded, "sha256:b": uvloop_cell}
    shown = [ShownCell(key, "a", ("loaders",), cell) for key, cell in named.items()]
    again = replace(shown[0], arm="b")
    described = replace(description, cells=(*shown, again))
    records = tuple(make_record(cell, cell_key=key) for key, cell in named.items())
    counts = {"sha256:b": replace(counted(uvloop_cell, 87_000.0), cell_key="sha256:b")}
    if tool:
        counts["sha256:a"] = replace(counted(threaded, 44_900.0), instructions_tool=tool)
    campaign = Campaign(described, records, counts=counts)
    text = markdown_table(summarize(campaign, description.experiments[0]), campaign)
    assert f"No *instructions ratio* of 1 cell: the baseline {why}." in text


@UNITS
def test_a_comparison_says_it_too(threaded: Cell, workload: str, unit: str) -> None:
    cell = replace(threaded, workload=workload)
    pair = CountedTwice(ShownCell("sha256:a", "a", (), cell), counted(cell, 40_000.0), counted(cell, 41_000.0))
    text = compared_counts([pair])
    assert text.startswith(f"## Instructions per {unit}\n")
    assert f"instructions/{unit} in A" in text
    assert "+2.5%" in text
