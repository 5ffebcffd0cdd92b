"""Counts compared, and the rows/s that one core could do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.counts import client_capacity, compare_counts, instruction_ratio
from experiments.analysis.summary import summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.counts import CellCount
from experiments.records.description import Description
from experiments.records.record import Record


def counted(cell: Cell, key: str, instructions: float | None, tool: str = "valgrind") -> CellCount:
    return CellCount("c", key, "2026-11-22T14:30:02Z", cell, instructions, 0.001, tool)


def test_only_numbers_of_the_same_tool_have_a_ratio(threaded: Cell) -> None:
    one, more = counted(threaded, "a", 40_000.0), counted(threaded, "b", 50_000.0)
    assert instruction_ratio(more, one) == 1.25
    assert instruction_ratio(more, replace(one, instructions_tool="perf")) is None
    assert instruction_ratio(more, replace(one, instructions_per_row=None)) is None
    assert instruction_ratio(more, None) is None


def test_capacity_is_the_inverse_of_the_median_cost_with_its_interval(make_record: Callable[..., Record]) -> None:
    runs = [replace(make_record(block=block), cpu_us_per_row=20.0 + block) for block in range(6)]
    found = client_capacity(runs)
    assert found is not None
    assert found.interval is not None
    assert [found.value, *found.interval] == pytest.approx([1e6 / 22.5, 1e6 / 25, 1e6 / 20])
    few = client_capacity(runs[:2])
    assert few is not None
    assert few.interval is None
    assert client_capacity([replace(run, cpu_us_per_row=None) for run in runs]) is None


def test_cells_in_common_are_paired_by_their_axes(description: Description) -> None:
    shown = description.cells[0]
    a = Campaign(description, (), counts={shown.cell_key: counted(shown.cell, shown.cell_key, 40_000.0)})
    cells = tuple(replace(cell, cell_key=f"{cell.cell_key}2") for cell in description.cells)
    key = cells[0].cell_key
    b = Campaign(replace(description, cells=cells), (), counts={key: counted(shown.cell, key, 41_000.0)})
    (pair,) = compare_counts(a, b)
    assert pair.growth == pytest.approx(0.025)


def test_a_row_has_the_ratio_to_the_instructions_of_the_baseline(description: Description) -> None:
    counts = {
        shown.cell_key: counted(shown.cell, shown.cell_key, 40_000.0 + 10_000 * place)
        for place, shown in enumerate(dict.fromkeys(description.cells))
        if shown.arm == "a"
    }
    cells = summarize(Campaign(description, (), counts=counts), description.experiments[0]).cells
    baseline = next(cell for cell in cells if cell.baseline)
    assert baseline.instruction_ratio == 1
    assert {round(cell.instruction_ratio, 2) for cell in cells if cell.instruction_ratio} > {1.0}
