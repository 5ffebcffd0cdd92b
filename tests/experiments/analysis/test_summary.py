from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.comparison import compare_campaigns
from experiments.analysis.summary import ExperimentSummary, summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Host, Record
from tests.experiments.made_observed import SPLIT, observed


@pytest.fixture
def records(make_record: Callable[..., Record], uvloop_cell: Cell) -> list[Record]:
    """Six blocks, in the last of which the machine was twice as fast after an interruption: before that cell."""
    records = []
    for block in range(1, 7):
        pace = 10_000.0 + block
        records += [make_record(block=block, rows_per_s=pace), make_record(block=block, arm="b", rows_per_s=pace + 1)]
        after = {"rows_per_s": 2 * pace, "resumed": True} if block == 6 else {"rows_per_s": pace + 2 * block}
        records.append(make_record(uvloop_cell, block=block, **after))
    return records


def summary_of(description: Description, records: list[Record]) -> ExperimentSummary:
    return summarize(Campaign(description, records), description.experiments[0])


def test_runs_that_an_interruption_has_parted_are_no_pair(description: Description, records: list[Record]) -> None:
    summary = summary_of(description, records)
    cell = summary.cells[2]
    assert cell.ratio is not None
    assert cell.ratio.value == pytest.approx(1.0006, abs=1e-4)
    assert (cell.cut, len(cell.ok), summary.floor_blocks) == (1, 6, 6)
    # Nobody parted them: the same with its sixth block.
    whole = summary_of(description, [replace(record, resumed=False) for record in records]).cells[2]
    assert whole.ratio is not None
    assert whole.ratio.value > 1.1
    assert whole.cut == 0


def test_nor_are_they_where_campaigns_are_compared(description: Description, records: list[Record]) -> None:
    whole = Campaign(description, [record for record in records if record.block < 6])
    comparison = compare_campaigns(whole, Campaign(description, records))
    relative = comparison.experiments[0].cells[2].relative
    assert relative is not None
    assert relative.value == pytest.approx(1.0)


def test_without_a_floor_or_an_interval_nothing_is_claimed_of_a_row(
    description: Description, records: list[Record]
) -> None:
    few = [record for record in records if record.block < 5]
    without_floor = [record for record in records if record.arm == "a" or record.block < 5]
    for some in (few, without_floor):
        assert [cell.noise for cell in summary_of(description, some).cells] == [None] * 4
    # Neither the baseline nor its second arm, nor what cannot run, is compared with anything.
    assert [cell.noise for cell in summary_of(description, records).cells] == [None, None, False, None]


def test_the_axes_that_vary_are_those_with_several_values(description: Description, records: list[Record]) -> None:
    assert summary_of(description, records).varying_axes == ["loader", "loop"]
    one = replace(description, cells=description.cells[:2])
    assert summary_of(one, records).varying_axes == ["loader"]


def disturbed(records: list[Record], key: str, blocks: int) -> list[Record]:
    """With foreign load during so many runs of a cell."""
    host = Host(steal_s=0.0, foreign_cpu_s=0.8, observed_s=2.0)
    return [
        replace(record, host=host)
        if record.cell_key == key and record.arm == "a" and record.block <= blocks
        else record
        for record in records
    ]


def test_a_repeated_run_is_compared_with_the_baseline_of_its_repetition(
    description: Description, records: list[Record]
) -> None:
    noisy, quiet = Host(foreign_cpu_s=0.8, steal_s=0.0, observed_s=2.0), Host(foreign_cpu_s=0.0, observed_s=2.0)
    other, baseline = description.cells[2].cell_key, description.cells[0].cell_key
    first = next(one for one in records if one.cell_key == other and one.block == 1)
    beside = next(one for one in records if one.cell_key == baseline and one.arm == "a" and one.block == 1)
    others = [one for one in records if one is not first]
    again = [replace(first, repeat=1, host=quiet, rows_per_s=7_777.0), replace(beside, repeat=1, rows_per_s=7_000.0)]
    summary = summary_of(description, [*others, replace(first, host=noisy), *again])
    row = summary.cells[2]
    assert (row.good_runs[1].compared, row.pace[1].compared, row.repeated) == (7_777.0, 7_000.0, 1)
    # All others, the baseline among them, keep what they had.
    assert summary.cells[0].good_runs[1].compared == beside.rows_per_s
    assert summary.cells[1].pace[1].compared == beside.rows_per_s


def test_nothing_is_claimed_of_a_row_of_which_more_than_a_fifth_was_disturbed(
    description: Description, records: list[Record]
) -> None:
    other = description.cells[2].cell_key
    slower = [replace(one, rows_per_s=5_000.0 + one.block) if one.cell_key == other else one for one in records]
    clear = summary_of(description, disturbed(slower, other, 1))
    assert (clear.cells[2].noise, clear.cells[2].disturbed_ground) == (False, False)
    withdrawn = summary_of(description, disturbed(slower, other, 2))
    row = withdrawn.cells[2]
    assert (row.noise, row.holm_p, row.disturbed_ground) == (None, None, True)
    assert row.ratio == clear.cells[2].ratio
    assert withdrawn.floor == clear.floor


def test_on_a_disturbed_baseline_nothing_is_claimed_at_all(description: Description, records: list[Record]) -> None:
    baseline = description.cells[0].cell_key
    summary = summary_of(description, disturbed(records, baseline, 2))
    assert [cell.noise for cell in summary.cells] == [None] * 4
    assert all(cell.disturbed_ground for cell in summary.cells)


def test_disturbed_rows_are_compared_with_nothing(description: Description, records: list[Record]) -> None:
    other = description.cells[2].cell_key
    noisy = Campaign(description, disturbed(records, other, 2))
    cell = compare_campaigns(Campaign(description, records), noisy).experiments[0].cells[2]
    assert (cell.relative, cell.adjusted_p, cell.obstacle("a", "b")) == (None, None, "b: disturbed")


def test_the_clients_share_is_of_the_cores_that_it_can_use_as_in_the_bottleneck_analysis(
    description: Description, make_record: Callable[..., Record]
) -> None:
    pod = replace(description, placements={"split": replace(SPLIT, loader_quota=0.25)})
    first = summarize(Campaign(pod, [observed(make_record())]), pod.experiments[0]).cells[0]
    assert first.observations is not None
    assert first.client_share == first.observations.client_share == pytest.approx(1.0)
