"""How narrow the intervals are, and what is said of --until."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from experiments.analysis.precision import (
    describe_until,
    estimate_block_s,
    find_precision,
    percentage,
)
from experiments.analysis.stats import Estimate, interval_reach
from experiments.analysis.summary import summarize, summarize_all
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownExperiment
from experiments.records.record import Record

# Student's quantile for 97.5% and 4 degrees of freedom, from the tables.
T_4 = 2.776445105

AGAIN = (0.01, -0.01, 0.01, -0.01, 0.0)
OTHER = (0.52, 0.48, 0.52, 0.48, 0.50)
Make = Callable[..., Record]


def reach_of(logs: Sequence[float]) -> float:
    """For five blocks, by the formula."""
    mean = sum(logs) / 5
    deviation = math.sqrt(sum((log - mean) ** 2 for log in logs) / 4)
    return math.expm1(T_4 * deviation / math.sqrt(5))


@pytest.fixture
def five(description: Description) -> Description:
    return replace(description, repeats=5, until={"precision": 0.05, "budget_s": 1800.0})


@pytest.fixture
def records(make_record: Make, uvloop_cell: Cell) -> list[Record]:
    """Five blocks: the baseline, the baseline again, the other loader, with these log ratios."""
    made = []
    for block in range(1, 6):
        made.append(make_record(block=block, rows_per_s=10_000.0, wall_s=2.0))
        made.append(make_record(block=block, arm="b", rows_per_s=10_000 * math.exp(AGAIN[block - 1]), wall_s=3.0))
        rate = 10_000 * math.exp(OTHER[block - 1])
        made.append(make_record(uvloop_cell, block=block, rows_per_s=rate, wall_s=float(block)))
    return made


def failing(records: Sequence[Record], loader: str, blocks: range) -> list[Record]:
    """The same records, but the loader's runs in these blocks failed."""
    return [
        replace(record, status="failed", reason="lost", rows_per_s=None)
        if record.block in blocks and record.cell.loader == loader
        else record
        for record in records
    ]


def said(description: Description, records: Sequence[Record]) -> str | None:
    return describe_until(description, summarize_all(Campaign(description, records)))


def test_the_reach_of_an_interval_is_how_far_it_goes_from_its_ratio_as_a_factor() -> None:
    assert interval_reach(Estimate(2.0, 2.0 / 1.05, 2.0 * 1.05)) == pytest.approx(0.05)
    assert interval_reach(Estimate(0.5, 0.5 / 1.2, 0.5 * 1.2)) == pytest.approx(0.2)
    assert interval_reach(Estimate(2.0)) is None
    assert interval_reach(None) is None


def test_the_widest_interval_of_all_ratios_is_found_with_its_cell(five: Description, records: list[Record]) -> None:
    found = find_precision(summarize_all(Campaign(five, records)))
    assert found.widest == pytest.approx(reach_of(OTHER))
    assert found.cell == "aiopg · uvloop"
    assert found.left_out == ()


def test_the_baselines_second_arm_is_a_ratio_too(five: Description, records: list[Record]) -> None:
    narrow = [replace(record, rows_per_s=16_000.0) if record.cell.loop else record for record in records]
    found = find_precision(summarize_all(Campaign(five, narrow)))
    assert found.widest == pytest.approx(reach_of(AGAIN))
    assert found.cell == "psycopg2 · threads, the baseline again"


def test_every_experiment_is_looked_at(five: Description, records: list[Record]) -> None:
    cells = tuple(
        replace(cell, experiments=("loaders", "loops") if cell.cell.loop != "uvloop" else ("loops",))
        for cell in five.cells
    )
    experiments = (five.experiments[0], ShownExperiment("loops", "Which loop?"))
    matrix = {**five.matrix, "experiments": {**five.matrix["experiments"], "loops": {"matrix": {}}}}
    both = replace(five, cells=cells, experiments=experiments, matrix=matrix)
    found = find_precision(summarize_all(Campaign(both, records)))
    assert found.cell == "loops: aiopg · uvloop"


def test_no_other_block_is_needed_when_the_widest_interval_reaches_no_further_than_asked(
    five: Description, records: list[Record]
) -> None:
    found = find_precision(summarize_all(Campaign(five, records)))
    assert found.find_end(reach_of(OTHER) * 1.000001) == "precise"
    assert found.find_end(reach_of(OTHER) * 0.999999) is None


@pytest.mark.parametrize("blocks", [range(1, 6), range(3, 4)])
def test_a_cell_whose_runs_failed_keeps_nothing_going_and_is_named(
    blocks: range, five: Description, records: list[Record]
) -> None:
    found = find_precision(summarize_all(Campaign(five, failing(records, "row_by_row_asyncio", blocks))))
    assert found.widest == pytest.approx(reach_of(AGAIN))
    assert found.left_out == ("aiopg · uvloop",)
    assert found.find_end(0.02) == "precise"


def test_where_no_ratio_has_an_interval_more_blocks_are_no_help(five: Description, records: list[Record]) -> None:
    found = find_precision(summarize_all(Campaign(five, failing(records, "row_by_row_threaded", range(1, 6)))))
    assert found.widest is None
    assert len(found.left_out) == 2
    assert found.find_end(0.05) == "no intervals"


def test_a_block_takes_what_its_cells_took_on_average(records: list[Record]) -> None:
    assert estimate_block_s(records) == pytest.approx(2.0 + 3.0 + 3.0)
    assert estimate_block_s([*records, replace(records[0], wall_s=100.0, interrupted=True)]) == pytest.approx(8.0)
    assert estimate_block_s([]) == 0.0


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        ("precise", "5 blocks: until the interval of every ratio reached at most 5% from it"),
        ("budget", "5 blocks: the budget of 30 min is spent before every interval reached at most 5%"),
        (None, "5 blocks so far, of a campaign until every interval reaches at most 5%"),
    ],
)
def test_it_is_said_why_no_more_blocks_ran(
    ended: str | None, text: str, five: Description, records: list[Record]
) -> None:
    until = {**(five.until or {}), **({"ended": ended} if ended else {})}
    widest = "; widest interval: 2.5% (aiopg · uvloop)."
    assert said(replace(five, until=until), records) == text + widest


def test_what_was_left_out_is_said(five: Description, records: list[Record]) -> None:
    until = {"precision": 0.02, "budget_s": 90.0, "ended": "precise"}
    text = said(replace(five, until=until), failing(records, "row_by_row_asyncio", range(1, 3)))
    assert text is not None
    assert text.endswith(
        "reached at most 2% from it; widest interval: 1.2% (psycopg2 · threads, the baseline "
        "again); left out, as too few good runs leave no interval: aiopg · uvloop."
    )


def test_a_campaign_without_intervals_says_so(five: Description, records: list[Record]) -> None:
    until = {"precision": 0.05, "budget_s": 90.0, "ended": "no intervals"}
    text = said(replace(five, until=until), failing(records, "row_by_row_threaded", range(1, 6)))
    assert text is not None
    assert text.startswith("5 blocks, and no more until intervals reach at most 5%: no ratio has one; left out, as ")


def test_a_table_says_what_is_the_widest_of_its_own_where_there_are_others(
    five: Description, records: list[Record]
) -> None:
    two = replace(five, experiments=(*five.experiments, ShownExperiment("loops", "Which loop?")))
    text = describe_until(two, [summarize(Campaign(five, records), five.experiments[0])])
    assert text is not None
    assert text.endswith("; widest interval in this table: 2.5% (aiopg · uvloop).")


def test_of_a_campaign_with_fixed_blocks_nothing_is_said(description: Description, records: list[Record]) -> None:
    assert said(description, records) is None


@pytest.mark.parametrize(("precision", "text"), [(0.05, "5%"), (0.07, "7%"), (0.005, "0.5%"), (0.125, "12.5%")])
def test_a_precision_is_written_as_people_do(precision: float, text: str) -> None:
    assert percentage(precision) == text
