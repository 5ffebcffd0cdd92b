from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from experiments.analysis.ceilings import PGBENCH
from experiments.analysis.differences import find_differences_between
from experiments.analysis.summary import summarize_campaign
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from experiments.report.charts.canvas import Sheet
from experiments.report.charts.columns import Columns
from experiments.report.publish import experiment_page
from experiments.report.tables import csv_table
from tests.experiments.made_observed import observed


def count_calls(act: Callable[[], object]) -> int:
    """Count calls of functions, which does not depend on what else the machine does."""
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


@pytest.fixture
def make_campaign(description: Description, make_record: Callable[..., Record], uvloop_cell: Cell) -> Any:
    """Makes a campaign of 4 blocks with so many data sets, loaded by two loaders and by pgbench."""

    def make(sets: int) -> Campaign:
        first, again, *_ = description.cells
        loaders = (first.cell, uvloop_cell, replace(first.cell, loader=PGBENCH))
        others = [replace(one, data=f"d{number}") for number in range(sets) for one in loaders]
        more = [ShownCell(f"sha256:{place}", "a", ("loaders",), cell) for place, cell in enumerate(others)]
        able = [first, again, *more]
        unable = [replace(one, cell_key=f"{one.cell_key}-", unsupported="no wheel") for one in more[:1]]
        records = [
            observed(make_record(one.cell, block=block, cell_key=one.cell_key, arm=one.arm))
            for block in range(1, 5)
            for one in able
        ]
        return Campaign(replace(description, cells=(*able, *unable), repeats=4), records)

    return make


def write_pages(campaign: Campaign) -> None:
    whole = summarize_campaign(campaign)
    for summary in whole.experiments:
        experiment_page(summary, whole)
        csv_table(summary, whole.model)
    find_differences_between(campaign.description, campaign.description)


def test_three_times_the_cells_and_records_take_three_times_the_work(make_campaign: Callable[[int], Campaign]) -> None:
    few, many = make_campaign(10), make_campaign(30)
    write_pages(few)
    assert count_calls(lambda: write_pages(many)) < 3.5 * count_calls(lambda: write_pages(few))


def test_rows_of_a_chart_do_not_measure_the_columns_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sheet, "write", lambda *_, **__: None)
    columns = Columns(("loader",), [("psycopg2",)] * 50, ("rows/s",), [("1",)] * 50)
    sheet = Sheet(None, columns.width, 10.0)  # type: ignore[arg-type]

    def write(rows: int) -> None:
        for _ in range(rows):
            columns.write(sheet, 1.0, ("psycopg2",), ("1",))

    write(1)
    assert count_calls(lambda: write(50)) < 50 * 50
