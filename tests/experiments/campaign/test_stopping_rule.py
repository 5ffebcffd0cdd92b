"""--until and --budget: what they may say, and the blocks that they add."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.campaign.resume import find_unfinished, is_finished
from experiments.campaign.stopping_rule import (
    BlocksUntil,
    PlannedBlocks,
    Until,
    describe_growth,
    parse_patience,
    parse_until,
)
from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import Plan, make_plan
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record


@pytest.mark.parametrize(
    ("text", "precision"), [("5%", 0.05), ("0.05", 0.05), ("0.5%", 0.005), ("12.5%", 0.125), ("99%", 0.99)]
)
def test_a_precision_is_a_percentage_or_a_fraction(text: str, precision: float) -> None:
    until = parse_until(text, None, 10)
    assert until is not None
    assert until.precision == pytest.approx(precision)
    assert until.budget_s == 1800.0


@pytest.mark.parametrize("text", ["5", "0", "0%", "100%", "1", "-5%", "5 %", "five", "", "\u0665%", "1e-2", "nan"])
def test_what_is_no_precision_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(
        BadInput, match=r"^--until: '.*' is not a precision \(expected more than 0% and less than 100%, for example 5%"
    ):
        parse_until(text, None, 10)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800.0), ("90s", 90.0), ("2h", 7200.0), ("1h30m", 5400.0), ("1h1m1s", 3661.0)]
)
def test_a_budget_is_a_length_of_time(text: str, seconds: float) -> None:
    assert parse_until("5%", text, 10) == Until(0.05, seconds)


@pytest.mark.parametrize("text", ["30", "", "m", "1.5h", "30m1h", "1d", "-1h", "1h 30m", "30min"])
def test_what_is_no_length_of_time_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(BadInput, match=rf"^--budget: '{text}' is not a duration \(.* for example 2h, 1h30m or 90s\)$"):
        parse_until("5%", text, 10)


def test_a_budget_is_more_than_no_time() -> None:
    with pytest.raises(BadInput, match=r"^--budget: '0m' is no time at all"):
        parse_until("5%", "0m", 10)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("0s", 0.0), ("90s", 90.0), ("1h30m", 5400.0)])
def test_patience_is_a_length_of_time_or_none(text: str, seconds: float) -> None:
    assert parse_patience(text, 5) == seconds


@pytest.mark.parametrize(("text", "why"), [("60", "is not a time"), ("9999h", "is longer than a week")])
def test_other_patience_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"^--patience: '{text}' {why}"):
        parse_patience(text, 5)


def test_patience_needs_blocks_of_which_something_can_be_claimed() -> None:
    assert parse_patience("0", 1) == 0.0
    with pytest.raises(BadInput, match=r"^--patience: 4 blocks planned, .*; use --repeats 5 or more$"):
        parse_patience("60s", 4)


def test_a_budget_needs_something_to_limit() -> None:
    assert parse_until(None, None, 1) is None
    with pytest.raises(BadInput, match=r"^--budget requires --until, such as --until 5%"):
        parse_until(None, "30m", 10)


def test_fewer_blocks_than_an_interval_needs_are_no_beginning() -> None:
    assert parse_until("5%", None, 5) is not None
    with pytest.raises(BadInput, match=r"^--until: 4 blocks planned, but an interval needs 5; use --repeats 5"):
        parse_until("5%", None, 4)


def test_a_plan_says_that_blocks_may_be_added_and_the_longest_time() -> None:
    text = describe_growth(Until(0.05, 5400.0))
    assert "until the interval of every ratio reaches at most 5% from it" in text
    assert text.endswith("so all of it takes at most the above or 90 min, whichever is longer")


def test_without_until_a_campaign_has_the_blocks_that_were_planned(threaded: Cell) -> None:
    blocks = PlannedBlocks(10)
    assert (blocks.label(2), blocks.budget()) == ("block 2/10", "")
    assert blocks.grow(make_plan([PlannedCell(threaded, "a", ("loaders",))], 10, 1)) is None


UNTIL = Until(0.03, 600.0)


class Growing:
    """A campaign whose five planned blocks have run; an attempt takes 10 s, 10 s, and 20 s of the other loader."""

    def __init__(
        self, results: Path, description: Description, make_record: Callable[..., Record], other: Cell
    ) -> None:
        described = replace(description, repeats=5, until=UNTIL.facts())
        self.folder = create(results, described)
        self._make = make_record
        self._other = other
        self.said: list[str] = []
        self.now_s = 100.0
        self.blocks = BlocksUntil(self.folder, UNTIL, self.said.append, clock=lambda: self.now_s)
        planned = [PlannedCell(cell.cell, "b" if cell.arm == "b" else "a", ("loaders",)) for cell in described.cells]
        self.plan: Plan = make_plan([*planned[:3], replace(planned[3], unsupported="no wheel")], 5, 2014)
        for block in range(1, 6):
            # ln ratios of +-0.03, 0: the interval reaches exp(2.776 * 0.03 / sqrt(5)) - 1 = 3.8%.
            self.run_block(block, (0.03, -0.03, 0.03, -0.03, 0.0)[block - 1])

    def run_block(self, block: int, log_ratio: float) -> None:
        rate = 10_000 * math.exp(log_ratio)
        self.folder.append(self._make(block=block, wall_s=10.0))
        self.folder.append(self._make(block=block, arm="b", wall_s=10.0))
        self.folder.append(self._make(self._other, block=block, rows_per_s=rate, wall_s=20.0))

    def grow(self) -> Plan | None:
        return self.blocks.grow(self.plan)

    @property
    def unfinished(self) -> bool:
        results = self.folder.path.parent
        return find_unfinished(results, self.folder.description().fingerprint) is not None


@pytest.fixture
def growing(tmp_path: Path, description: Description, make_record: Callable[..., Record], uvloop_cell: Cell) -> Growing:
    return Growing(tmp_path, description, make_record, uvloop_cell)


def test_while_an_interval_is_too_wide_one_block_is_added_and_those_before_stay_as_they_are(growing: Growing) -> None:
    before = growing.folder.description()
    plan = growing.grow()
    assert plan is not None
    assert plan == make_plan(growing.plan.cells, 6, 2014)
    assert plan.runs[: len(growing.plan.runs)] == growing.plan.runs
    assert sorted(run.order for run in plan.runs if run.block == 6) == [1, 2, 3]
    assert growing.folder.description() == replace(before, repeats=6)
    assert growing.said == [
        "adding block 6: widest interval so far 3.8% (aiopg · uvloop)",
    ]


def test_blocks_are_added_until_every_interval_is_narrow_enough(growing: Growing) -> None:
    added = []
    while (plan := growing.grow()) is not None:
        growing.run_block(plan.repeats, 0.0)
        growing.plan = plan
        added.append(plan.repeats)
    # 6 blocks: t = 2.571, s = 0.0268, 2.9%.
    assert added == [6]
    described = growing.folder.description()
    assert described.repeats == 6
    assert described.until == {"precision": 0.03, "budget_s": 600.0, "ended": "precise"}
    assert growing.said == ["adding block 6: widest interval so far 3.8% (aiopg · uvloop)"]


@pytest.mark.parametrize(("now_s", "grows"), [(100.0 + 560.0, True), (100.0 + 560.001, False)])
def test_a_block_that_would_not_end_within_the_budget_is_not_begun(now_s: float, grows: bool, growing: Growing) -> None:
    growing.now_s = now_s
    assert (growing.grow() is not None) is grows
    described = growing.folder.description()
    assert described.repeats == (6 if grows else 5)
    assert (described.until or {}).get("ended") == (None if grows else "budget")
    assert growing.unfinished is grows


def test_the_precision_is_what_counts_where_the_budget_is_spent_as_well(growing: Growing) -> None:
    growing.run_block(6, 0.0)
    growing.plan = make_plan(growing.plan.cells, 6, 2014)
    growing.now_s = 10_000.0
    assert growing.grow() is None
    assert (growing.folder.description().until or {})["ended"] == "precise"


def test_a_campaign_that_was_killed_between_blocks_goes_on_and_one_that_has_ended_does_not(growing: Growing) -> None:
    assert growing.unfinished
    growing.grow()
    assert growing.unfinished
    growing.run_block(6, 0.0)
    assert growing.unfinished
    growing.plan = make_plan(growing.plan.cells, 6, 2014)
    growing.grow()
    assert not growing.unfinished
    assert is_finished(growing.folder, growing.folder.description())


def test_the_block_says_until_when_and_what_is_left_of_the_budget(growing: Growing) -> None:
    assert growing.blocks.label(12) == "block 12 (until 3%)"
    assert growing.blocks.budget() == "10 min of the budget left"
    growing.now_s = 100.0 + 545.0
    assert growing.blocks.budget() == "55 s of the budget left"
    growing.now_s = 10_000.0
    assert growing.blocks.budget() == "0 s of the budget left"


def test_where_everything_fails_no_block_is_added(growing: Growing, make_failure: Callable[..., Record]) -> None:
    runs = growing.folder.path / "runs.jsonl"
    runs.unlink()
    folder: CampaignFolder = growing.folder
    for block in range(1, 6):
        for shown in folder.description().cells[:3]:
            record = make_failure(shown.cell, arm=shown.arm, block=block, status="failed", reason="lost")
            folder.append(record)
    assert growing.grow() is None
    assert (folder.description().until or {})["ended"] == "no intervals"
