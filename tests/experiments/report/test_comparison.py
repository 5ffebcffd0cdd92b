# ruff: noqa: E501, RUF001 - the texts are as wide as tables are
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.comparison import compare_campaigns
from experiments.analysis.differences import Difference
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from experiments.report.comparison import comparison_table, describe_differences, sum_up, write_comparison
from experiments.report.terminal import UNLIMITED
from tests.experiments.made_campaigns import measured

MakeRecord = Callable[..., Record]
Sides = tuple[Campaign, Campaign]


@pytest.fixture
def sides(description: Description, make_record: MakeRecord) -> Sides:
    """B's aiopg is a quarter faster than A's, relative to a baseline that was twice as fast."""
    one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    a = measured(description, make_record, one)
    other = {**one, "row_by_row_asyncio": 1.5}
    return a, measured(description, make_record, other, drift=2.0, campaign="b", created_at="2026-11-23T14:30:02Z")


def table_of(sides: Sides) -> str:
    (experiment,) = compare_campaigns(*sides).experiments
    return comparison_table(experiment, *sides)


def rows_of(sides: Sides) -> list[list[str]]:
    lines = [line for line in table_of(sides).splitlines() if line.startswith(("| psycopg2", "| aiopg"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_a_table_has_both_ratios_what_became_of_them_and_the_bare_rows_apart(sides: Sides) -> None:
    baseline, again, uvloop, none = rows_of(sides)
    assert baseline == [
        *("psycopg2 · threads", "1", "1", "–"),
        # Both have the same pace in their blocks: standard error sqrt(2 * 0.073 / 5), 8 degrees of freedom.
        *("2.000 (1.349 to 2.966)", "baseline"),
    ]
    assert again[3].startswith("1.000 (0.977 to 1.023)")
    assert again[-1] == "the baseline again"
    assert uvloop[:4] == [
        *("aiopg · uvloop", "1.20 (1.18 to 1.22)", "1.50 (1.47 to 1.53)"),
        "≠ 1.250 (1.222 to 1.279)",
    ]
    assert uvloop[4].startswith("2.500 (")
    assert none[1:] == ["–", "–", "–", "–", "cannot run: no wheel of aiopg \\| none at all"]
    assert table_of(sides).startswith(
        "Is asyncio faster than threads?\n\nNoise floor: 2.0% in A, 2.0% in B.\n\n| loader "
    )


@pytest.mark.parametrize(
    ("factor", "floor", "mark", "note"),
    [
        (math.exp(0.02), 1.0, "1.020", ""),
        (math.exp(0.03), 1.5, "≠ 1.030", "by less than the noise floor"),
        (math.exp(0.03), 1.0, "≠ 1.030", ""),
    ],
)
def test_what_differs_is_marked_and_so_is_what_does_not_and_what_the_noise_floor_makes_of_it(
    factor: float, floor: float, mark: str, note: str, description: Description, make_record: MakeRecord
) -> None:
    one = {"row_by_row_threaded": 1.0, "again": floor, "row_by_row_asyncio": 1.2}
    a = measured(description, make_record, one)
    b = measured(description, make_record, {**one, "row_by_row_asyncio": 1.2 * factor})
    row = rows_of((a, b))[2]
    assert row[3].startswith(f"{mark} (")
    assert row[3].endswith(" n.s.") is (not mark.startswith("≠"))
    assert row[-1] == note


def test_the_sum_counts_what_differs_and_names_what_only_one_has(sides: Sides) -> None:
    a, b = sides
    more = ShownCell("sha256:more", "a", ("loaders",), replace(b.description.cells[0].cell, poolsize=5))
    b = replace(b, description=replace(b.description, cells=(*b.description.cells, more)))
    assert sum_up(a, b, compare_campaigns(a, b)) == [
        "1 of 1 cell differs significantly (Holm, 5%), 1 of 1 at 95% each by itself (of equal campaigns 5%, averaged over many pairs).",
        "The intervals of B relative to A reach 2.3% to either side in the median: a smaller change is sooner missed than seen.",
        "Relative to the baseline 1 of 1 are faster in B than in A. B's bare rows/s are 2.000 times A's for the baseline, and 2.500 times in the median of these cells.",
        "Noise floors: 2.0% in A and 2.0% in B (loaders).",
        "Only B has 1 cell: psycopg2 · threads, pool size 5.",
    ]


def test_with_too_few_blocks_the_sum_says_that_nothing_is_called_different(sides: Sides) -> None:
    a, b = sides
    few = replace(b, description=replace(b.description, repeats=2), records=[one for one in b.records if one.block < 3])
    lines = sum_up(a, few, compare_campaigns(a, few))
    assert lines[0] == (
        "Nothing is called different: A has 5 blocks, B 2; each cell needs 5 good runs on either side, and few of its "
        "and its baseline's disturbed."
    )
    assert lines[1] == "Noise floors: 2.0% in A and not known in B (loaders)."
    marks = [row[3] for row in rows_of((a, few))]
    assert not [mark for mark in marks if "n.s." in mark or "≠" in mark]


def test_missing_blocks_are_noted(sides: Sides) -> None:
    a, b = sides
    lost = [one for one in b.records if not (one.cell_key == "sha256:row_by_row_asyncio" and one.block == 3)]
    assert rows_of((a, replace(b, records=lost)))[2][-1] == "4 of 5 blocks in B"


def test_differences_stand_by_severity_and_what_is_the_same_is_said() -> None:
    found = [
        Difference("configuration", "data ny", "digest", "1", "2", forbids=True),
        Difference("software", "checkout", "commit", "a", "b"),
    ]
    assert describe_differences(found) == (
        "- configuration:\n  - data ny, digest: 1 in A, 2 in B\n"
        "- software:\n  - checkout, commit: a in A, b in B\n"
        "- the same in both: host\n"
    )
    assert describe_differences([]).startswith("Nothing that was recorded: ")


def test_a_terminal_has_the_same_without_the_marks_of_markdown(sides: Sides) -> None:
    (experiment,) = compare_campaigns(*sides).experiments
    lines = comparison_table(experiment, *sides, UNLIMITED).splitlines()
    assert lines[7].split("  ")[0] == "psycopg2 · threads"
    assert lines[-1].endswith("  cannot run: no wheel of aiopg | none at all")


def test_the_page_tells_differences_first_then_tables_then_the_sum(sides: Sides) -> None:
    a, b = sides
    page = write_comparison(a, replace(b, missing=1), [], compare_campaigns(a, b))
    assert page.startswith(
        "# Two campaigns compared\n\n"
        "- A: `2026-11-22T1430-local`, begun 2026-11-22T14:30:02Z, 5 blocks\n"
        "- B: `b`, begun 2026-11-23T14:30:02Z, 5 blocks; unfinished, 1 run missing\n\n"
        "## What differs behind them\n\nNothing"
    )
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["## What differs behind them", "## loaders", "## How to read the tables", "## In sum"]
    assert "\n\n\n" not in page
