# ruff: noqa: E501, RUF001 - the texts are as wide as tables are
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.differences import Difference
from experiments.analysis.pooling import pool_campaigns
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.pooling import letter, pooled_table, sum_up, write_pooling
from tests.experiments.made_campaigns import measured

MakeRecord = Callable[..., Record]


@pytest.fixture
def campaigns(description: Description, make_record: MakeRecord) -> list[Campaign]:
    """Three whose aiopg has the ratios 1.2, 1.25 and 1.3."""
    one = {"row_by_row_threaded": 1.0, "again": 1.01}
    return [
        measured(description, make_record, {**one, "row_by_row_asyncio": ratio}, campaign=name)
        for name, ratio in (("a", 1.2), ("b", 1.25), ("c", 1.3))
    ]


def rows_of(campaigns: list[Campaign]) -> list[list[str]]:
    (experiment,) = pool_campaigns(campaigns)
    lines = [line for line in pooled_table(experiment).splitlines() if line.startswith(("| psycopg2", "| aiopg"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_a_row_has_the_ratio_of_each_campaign_and_the_combined_one(campaigns: list[Campaign]) -> None:
    baseline, again, uvloop, none = rows_of(campaigns)
    assert baseline == ["psycopg2 · threads", "1", "1", "1", "–", "–", "–", "–", "baseline"]
    assert again[-1] == "the baseline again"
    # ln: 0.1823, 0.2231, 0.2624, variances 0.00005: Q 64.1, tau^2 0.00155, so that the standard error is 0.0231.
    assert uvloop == [
        *("aiopg · uvloop", "1.20 (1.18 to 1.22)", "1.25 (1.23 to 1.27)", "1.30 (1.27 to 1.33)"),
        *("≠ 1.25 (1.13 to 1.38)", "3", "1.04x, I² 97%", "1.25 (1.24 to 1.26)", ""),
    ]
    assert none[5:7] == ["0", "–"]
    assert none[-1].startswith("A: cannot run: no wheel of aiopg")


def test_two_campaigns_are_not_enough_for_a_small_difference_and_the_sum_says_so(campaigns: list[Campaign]) -> None:
    uvloop = rows_of(campaigns[:2])[2]
    assert uvloop[3] == "1.22 (0.94 to 1.59) n.s."
    assert sum_up(campaigns[:2], pool_campaigns(campaigns[:2])) == [
        "0 of 1 cell differ significantly from the baseline (Holm, 5%).",
        "If campaigns do not differ: 1 of 1 cell.",
        "Combined ratios: 1 from 2 campaigns; two campaigns leave 1 degree of freedom, so that only large differences are significant: pool more.",
        "Between campaigns a ratio varies by 1.03x in the median of the cells, and by 1.03x at most (tau).",
        "Not in the combined ratios: 1 row of A, cannot run: no wheel of aiopg | none at all.",
        "Not in the combined ratios: 1 row of B, cannot run: no wheel of aiopg | none at all.",
    ]


def test_what_does_not_enter_is_said_in_its_row_and_in_the_sum(
    campaigns: list[Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(record: Record, *_: object) -> list[str]:
        return ["steal"] if (record.campaign, record.cell_key) == ("b", "sha256:row_by_row_asyncio") else []

    monkeypatch.setattr("experiments.analysis.summary.find_disturbances", find)
    monkeypatch.setattr("experiments.analysis.summary.sum_up_disturbances", lambda *_: "steal")
    uvloop = rows_of(campaigns)[2]
    assert uvloop[2] == "1.25 (1.23 to 1.27) disturbed"
    assert uvloop[5] == "2"
    few = replace(campaigns[0], records=[record for record in campaigns[0].records if record.block < 5])
    uvloop = rows_of([few, *campaigns[1:]])[2]
    assert uvloop[4:] == ["–", "1", "–", "–", "A: fewer than 5 blocks"]
    lines = sum_up([few, *campaigns[1:]], pool_campaigns([few, *campaigns[1:]]))
    assert lines[0] == "No cell has two campaigns that contribute."
    assert "Not in the combined ratios: 1 row of B, disturbed." in lines


def test_cells_of_one_campaign_and_those_that_become_the_same_are_named(campaigns: list[Campaign]) -> None:
    a, b, _ = campaigns
    versions = [
        replace(b.description.cells[2], cell=replace(b.description.cells[2].cell, python=v)) for v in ("3.14", "3.15")
    ]
    wider = replace(b, description=replace(b.description, cells=(*b.description.cells, *versions)))
    experiments = pool_campaigns([a, wider], ("python",))
    lines = sum_up([a, wider], experiments, ("python",))
    assert lines[-1].startswith("Left out, as only ignored axes tell them apart: in B 2 cells: ")
    lines = sum_up([a, wider], pool_campaigns([a, wider]))
    assert lines[-1].startswith("Only B has 2 cells: aiopg · uvloop, ")


def test_the_page_tells_each_pair_of_campaigns_that_differ(campaigns: list[Campaign]) -> None:
    found = Difference("software", "checkout", "commit", "1", "2")
    page = write_pooling(campaigns, {(0, 1): [], (0, 2): [found]}, pool_campaigns(campaigns))
    assert page.startswith("# 3 campaigns pooled\n\n- A: `a`, begun 2026-11-22T14:30:02Z, 5 blocks\n- B: `b`, ")
    assert "\nA and B:\n\nNothing that was recorded: " in page
    assert "\nA and C:\n\n- software:\n  - checkout, commit: 1 in A, 2 in C\n" in page
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["## What differs behind them", "## loaders", "## How to read the tables", "## In sum"]
    assert "\n\n\n" not in page


def test_campaigns_have_letters() -> None:
    assert [letter(place) for place in (0, 25, 26)] == ["A", "Z", "A1"]
