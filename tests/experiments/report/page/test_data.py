from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.summary import summarize_campaign
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.page.data import PageData, PageRow, collect_page, latency_ms
from tests.experiments.made_campaigns import measured


@pytest.fixture
def page(description: Description, make_record: Callable[..., Record]) -> PageData:
    ratios = {"row_by_row_threaded": 1.0, "again": 1.0, "row_by_row_asyncio": 1.5}
    return collect_page([summarize_campaign(measured(description, make_record, ratios))], ["folder/"])


def test_a_row_has_what_its_row_of_the_table_has(page: PageData) -> None:
    baseline, again, uvloop, unable = page.rows
    assert [row.meaning for row in page.rows] == ["baseline", "baseline again", "significant", "not tested"]
    assert uvloop.ratio is not None
    assert uvloop.ratio[0] == pytest.approx(1.5, rel=0.02)
    assert (uvloop.ok, uvloop.planned, uvloop.disturbed) == (5, 5, 0)
    assert unable.note == "cannot run: no wheel of aiopg | none at all"
    assert (baseline.ratio, unable.rate) == (None, None)
    assert page.cells[uvloop.cell].loader == "aiopg · uvloop"
    assert page.cells[again.cell].arm == "b"


def test_a_campaign_begins_with_the_experiment_that_answers_the_question(page: PageData) -> None:
    (campaign,) = page.campaigns
    assert (campaign.name, campaign.first) == ("2026-11-22T1430-local", "loaders")
    assert campaign.records == "folder/runs.jsonl"
    assert campaign.machine == "A Processor, 3 cores, engine local"
    assert any("1.50x" in sentence for sentence in campaign.answer)


def test_a_ratio_within_the_noise_is_not_significant(
    description: Description, make_record: Callable[..., Record]
) -> None:
    ratios = {"row_by_row_threaded": 1.0, "again": 1.0, "row_by_row_asyncio": 1.001}
    noisy = collect_page([summarize_campaign(measured(description, make_record, ratios))], [""])
    assert meanings(noisy) == {"baseline", "baseline again", "n.s.", "not tested"}


def meanings(page: PageData) -> set[str]:
    return {row.meaning for row in page.rows}


def test_cells_of_several_campaigns_keep_their_own_runs(
    description: Description, make_record: Callable[..., Record]
) -> None:
    def campaign(name: str, rows_per_s: float) -> Campaign:
        made = replace(make_record(rows_per_s=rows_per_s), campaign=name)
        return Campaign(replace(description, campaign=name), [made])

    both = [summarize_campaign(campaign("one", 1000.0)), summarize_campaign(campaign("two", 2000.0))]
    page = collect_page(both, ["one/", "two/"])
    rates: list[PageRow] = [row for row in page.rows if row.rate]
    assert [(page.campaigns[row.campaign].name, row.rate) for row in rates] == [
        ("one", (1000.0, None, None)),
        ("two", (2000.0, None, None)),
    ]
    assert [page.cells[row.cell].runs[0].rate for row in rates] == [1000.0, 2000.0]


def test_latency_is_in_milliseconds(make_record: Callable[..., Record], threaded: Cell) -> None:
    record = make_record(threaded)
    assert latency_ms(record, "p99") is None
    assert record.client is not None
    slow = replace(record, client=replace(record.client, record_latency_s={"p50": 0.01, "p99": 0.25}))
    assert (latency_ms(slow, "p50"), latency_ms(slow, "p99")) == (10.0, 250.0)


def test_json_has_six_digits_and_nothing_that_is_not_finite(page: PageData) -> None:
    row = replace(page.rows[0], rate=(1234.56789, None, math.inf))
    values = replace(page, rows=(row,)).to_values()
    assert values["rows"][0]["rate"] == [1234.57, None, None]
