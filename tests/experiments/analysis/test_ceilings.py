from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.balanced_cells import without_foreign_baseline
from experiments.analysis.ceilings import find_ceiling, is_ceiling, list_ceilings
from experiments.analysis.comparison import compare_campaigns
from experiments.analysis.precision import find_precision
from experiments.analysis.summary import CellSummary, summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from experiments.report.charts.catalog import curves_of
from experiments.report.charts.forest import forest_rows
from experiments.report.tables import markdown_table
from tests.experiments.made_summaries import summed

MakeRecord = Callable[..., Record]


@pytest.fixture
def pgbench(uvloop_cell: Cell) -> Cell:
    return replace(uvloop_cell, loader="ceiling_pgbench", loop=None, protocol="simple")


def shown(cell: Cell, **changes: Any) -> ShownCell:
    named = replace(cell, **changes)
    return ShownCell(f"sha256:{named.label()}", "a", ("loaders",), named)


def with_cells(description: Description, *cells: ShownCell) -> Description:
    return replace(description, cells=(*description.cells, *cells))


def rows(description: Description, records: list[Record]) -> dict[str, CellSummary]:
    cells = summarize(Campaign(description, records), description.experiments[0]).cells
    return {cell.shown.cell_key + cell.shown.arm: cell for cell in cells}


@pytest.mark.parametrize(
    ("loader", "expected"),
    [("ceiling_pgbench", True), ("ceiling_copy", True), ("row_by_row_serial", False), ("of a newer version", False)],
)
def test_the_registry_says_what_a_ceiling_is(threaded: Cell, loader: str, *, expected: bool) -> None:
    assert is_ceiling(replace(threaded, loader=loader)) is expected


def test_a_cells_ceiling_has_the_same_server_data_pool_and_cores(uvloop_cell: Cell, pgbench: Cell) -> None:
    changes: list[dict[str, Any]] = [
        {"engine": "docker"},
        {"postgres": "memory"},
        {"data": "ri"},
        {"poolsize": 5},
        {"resources": "pod"},
        {"transaction": "per_record"},
    ]
    others = [shown(pgbench, **change) for change in changes]
    assert find_ceiling(uvloop_cell, list_ceilings(others)) is None
    own = shown(pgbench)
    assert find_ceiling(uvloop_cell, list_ceilings([*others, own])) == own
    for change, other in zip(changes, others, strict=True):
        assert find_ceiling(replace(uvloop_cell, **change), list_ceilings([own, *others])) == other


def test_simple_goes_before_prepared_and_then_the_same_python(uvloop_cell: Cell, pgbench: Cell) -> None:
    prepared = shown(pgbench, protocol="prepared")
    old, simple = shown(pgbench, python="3.7"), shown(pgbench)
    cell = uvloop_cell
    assert find_ceiling(cell, list_ceilings([prepared, old, simple])) == simple
    assert find_ceiling(cell, list_ceilings([prepared, old])) == old
    assert find_ceiling(cell, list_ceilings([prepared])) == prepared


def test_neither_other_programs_nor_what_cannot_run_is_a_loaders_ceiling(uvloop_cell: Cell, pgbench: Cell) -> None:
    copy = shown(pgbench, loader="ceiling_copy")
    absent = replace(shown(pgbench), unsupported="pgbench was not found")
    assert find_ceiling(uvloop_cell, list_ceilings([copy, absent])) is None
    assert find_ceiling(pgbench, list_ceilings([shown(pgbench)])) is None


def test_the_share_of_a_baseline_is_one_estimate_of_both_its_arms_paired_by_block(
    description: Description, make_record: MakeRecord, pgbench: Cell
) -> None:
    ceiling = shown(pgbench)
    records = []
    for block, pace in enumerate((1.0, 1.3, 0.8, 1.1, 0.9, 1.0), start=1):
        records.append(make_record(block=block, rows_per_s=10_700 * pace))
        records.append(make_record(block=block, arm="b", rows_per_s=12_000 * pace))
        records.append(make_record(pgbench, block=block, rows_per_s=10_000 * pace, cell_key=ceiling.cell_key))
    found = rows(with_cells(description, ceiling), records)
    arms = [found[f"sha256:row_by_row_threaded{arm}"] for arm in "ab"]
    assert [arm.ceiling_share for arm in arms] == [pytest.approx((1.07 * 1.2) ** 0.5)] * 2
    assert arms[0].to_ceiling is not None
    assert arms[0].to_ceiling.interval == pytest.approx(((1.07 * 1.2) ** 0.5,) * 2)


def test_the_share_is_the_median_over_the_median_of_the_ceiling_also_of_another_experiment(
    description: Description, make_record: MakeRecord, uvloop_cell: Cell, pgbench: Cell
) -> None:
    elsewhere = replace(shown(pgbench), experiments=("io_or_cpu",))
    records = [make_record(block=block, rows_per_s=rate) for block, rate in enumerate((9_000.0, 10_000.0, 14_000.0), 1)]
    records += [make_record(uvloop_cell, block=1, rows_per_s=15_000.0)]
    records += [make_record(pgbench, block=4, rows_per_s=20_000.0, cell_key=elsewhere.cell_key)]
    found = rows(with_cells(description, elsewhere), records)
    assert found["sha256:row_by_row_threadeda"].ceiling_share == pytest.approx(0.5)
    assert found["sha256:row_by_row_asyncioa"].ceiling_share == pytest.approx(0.75)
    # Without a run that was ok there is nothing to divide.
    assert found["sha256:nonea"].ceiling_share is None
    failed = [replace(record, status="failed") if record.cell == pgbench else record for record in records]
    assert rows(with_cells(description, elsewhere), failed)["sha256:row_by_row_asyncioa"].ceiling_share is None
    assert rows(description, records)["sha256:row_by_row_asyncioa"].ceiling_share is None


@pytest.fixture
def campaign(description: Description, make_record: MakeRecord, uvloop_cell: Cell, pgbench: Cell) -> Campaign:
    """Six blocks, the ceiling twice as fast as the baseline."""
    ceiling = shown(pgbench)
    records = []
    for block in range(1, 7):
        pace = 10_000.0 + block
        records += [make_record(block=block, rows_per_s=pace), make_record(block=block, arm="b", rows_per_s=pace + 1)]
        records.append(make_record(uvloop_cell, block=block, rows_per_s=1.2 * pace + block))
        records.append(make_record(pgbench, block=block, rows_per_s=2 * pace - block, cell_key=ceiling.cell_key))
    return Campaign(with_cells(description, ceiling), records)


def test_a_ceiling_is_a_row_of_which_nothing_is_claimed_and_changes_no_p_value(
    campaign: Campaign, description: Description, pgbench: Cell
) -> None:
    found = rows(campaign.description, list(campaign.records))
    row = found[shown(pgbench).cell_key + "a"]
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(2.0, rel=0.001)
    assert (row.holm_p, row.noise, row.ceiling_share, row.verdict) == (None, None, None, None)
    without = rows(description, list(campaign.records))
    assert found["sha256:row_by_row_asyncioa"].holm_p == without["sha256:row_by_row_asyncioa"].holm_p is not None


def test_ceilings_are_in_no_comparison_no_effects_no_precision_and_no_chart_of_ratios(
    campaign: Campaign, description: Description, pgbench: Cell
) -> None:
    compared = compare_campaigns(campaign, campaign).experiments[0].cells
    assert "ceiling_pgbench" not in {cell.shown.cell.loader for cell in compared}
    everything = campaign.description.cells
    assert without_foreign_baseline(everything, {}) == without_foreign_baseline(description.cells, {})
    summary = summarize(Campaign(campaign.description, campaign.records), campaign.description.experiments[0])
    assert "pgbench" not in find_precision([summary]).cell
    assert {row.loader for row in forest_rows(summary, ["loader"])} == {("psycopg2 · threads",), ("aiopg · uvloop",)}


def test_of_ceilings_only_pgbench_is_a_curve(
    description: Description, make_record: Callable[..., Record], uvloop_cell: Cell, pgbench: Cell
) -> None:
    cells = [shown(cell, poolsize=pool) for cell in (uvloop_cell, pgbench) for pool in (1, 5, 20)]
    cells.append(shown(pgbench, loader="ceiling_copy", poolsize=1))
    listed = {"matrix": {"poolsize": [1, 5, 20]}}
    matrix = {**description.matrix, "experiments": {"loaders": listed}}
    described = replace(description, matrix=matrix, cells=tuple(cells))
    records = [make_record(one.cell, cell_key=one.cell_key) for one in cells]
    (curves,) = curves_of(*summed(described, records, description.experiments[0]))
    assert {cell.cell.loader for line in curves.lines for cell in line.cells} == {
        "row_by_row_asyncio",
        "ceiling_pgbench",
    }


def test_the_table_says_what_a_share_of_the_ceiling_is_and_why_one_may_be_above_it(campaign: Campaign) -> None:
    table = markdown_table(*summed(campaign.description, campaign.records, campaign.description.experiments[0]))
    assert next(line for line in table.splitlines() if "uvloop" in line).split("|")[-4].strip() == "60%"
    assert "over as many connections. Above 100%: statements in batches cost the server less CPU." in table
