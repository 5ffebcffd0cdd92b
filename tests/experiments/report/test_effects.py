# ruff: noqa: E501, RUF001 - the texts are as wide as tables are
from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from experiments.report.effects import describe_effects
from tests.experiments.made_summaries import summed

MakeCampaign = Callable[..., tuple[Description, list[Record]]]

PACE = {"row_by_row_threaded": 1.0, "row_by_row_asyncio": 1.1, 5: 1.0, 20: 2.0, "asyncio": 1.0, "uvloop": 1.05}


def key_of(cell: Cell) -> str:
    return f"sha256:{sorted(cell.axes().items(), key=str)}"


@pytest.fixture
def make_campaign(description: Description, make_record: Callable[..., Record]) -> MakeCampaign:
    """Makes a campaign of these cells, the first twice; every run is as fast as its values say, times a wobble."""

    def make(
        cells: Sequence[Cell],
        lists: Mapping[str, Sequence[Any]],
        *,
        blocks: int = 5,
        unsupported: Sequence[Cell] = (),
        wobble: float = 0.01,
    ) -> tuple[Description, list[Record]]:
        shown = [
            ShownCell(key_of(cell), "a", ("loaders",), cell, "no wheel" if cell in unsupported else None)
            for cell in cells
        ]
        matrix = {"experiments": {"loaders": {"matrix": lists}}}
        records = []
        for block, (place, cell) in itertools.product(range(1, blocks + 1), enumerate(cells)):
            pace = 10_000.0 * PACE[cell.loader] * PACE[cell.poolsize] * PACE[cell.loop or "asyncio"]
            if cell not in unsupported:
                # Signs that differ from block to block and from cell to cell.
                noise = 1 + wobble * (-1) ** ((block + 1) * (place + 2) // 2)
                records.append(make_record(cell, block=block, rows_per_s=pace * noise, cell_key=key_of(cell)))
        again = replace(shown[0], arm="b")
        records += [replace(record, arm="b") for record in records if record.cell_key == again.cell_key]
        return replace(description, matrix=matrix, cells=(*shown, again), repeats=blocks), records

    return make


@pytest.fixture
def crossed(threaded: Cell, uvloop_cell: Cell) -> list[Cell]:
    return [replace(cell, poolsize=poolsize) for cell in (threaded, uvloop_cell) for poolsize in (5, 20)]


CROSSED = {"loader": ["row_by_row_threaded", "row_by_row_asyncio"], "loop": ["uvloop"], "poolsize": [5, 20]}

GOLDEN = """\
**Pool size explains 96% of the differences**, loader with its loop 4%, noise under 1%.

| factor               |   explains | fastest        | slowest            |   fastest / slowest (95% interval) |
|:---------------------|-----------:|:---------------|:-------------------|-----------------------------------:|
| pool size            |        96% | 20             | 5                  |                1.98 (1.96 to 2.01) |
| loader with its loop |         4% | aiopg · uvloop | psycopg2 · threads |                1.16 (1.15 to 1.17) |

| factor               | level              |   ratio to the mean of all (95% interval) |
|:---------------------|:-------------------|------------------------------------------:|
| pool size            | 5                  |                       0.71 (0.71 to 0.71) |
| pool size            | 20                 |                       1.41 (1.40 to 1.42) |
| loader with its loop | psycopg2 · threads |                       0.93 (0.92 to 0.93) |
| loader with its loop | aiopg · uvloop     |                       1.08 (1.07 to 1.08) |

| two together                     |       explain | deviates most     |   from the product of both alone (95% interval) |
|:---------------------------------|--------------:|:------------------|------------------------------------------------:|
| loader with its loop × pool size | under 1% n.s. | aiopg · uvloop, 5 |                        1.00 (1.00 to 1.01) n.s. |

- From 5 blocks in which every cell ran well, on the logarithm of rows/s. A level's ratio compares the mean of its cells with the mean of all; a level far off moves that mean, too.
- n.s.: not significant. Factors and combinations have an F test, levels a t test, both with Holm's correction. Fastest against slowest, and the largest deviation, are chosen by the measurement and have Bonferroni's. Intervals are not corrected.
"""


def test_an_experiment_whose_axes_are_crossed_says_what_matters_first(
    make_campaign: MakeCampaign, crossed: list[Cell]
) -> None:
    description, records = make_campaign(crossed, CROSSED)
    text = describe_effects(*summed(description, records, description.experiments[0]))
    assert text == GOLDEN


def test_without_any_difference_nothing_is_significant(make_campaign: MakeCampaign, crossed: list[Cell]) -> None:
    description, records = make_campaign(crossed, CROSSED, wobble=0.0)
    same = [
        replace(record, rows_per_s=10_000.0 + 10 * ((record.block * 7 + record.cell.poolsize) % 5))
        for record in records
    ]
    text = describe_effects(*summed(description, same, description.experiments[0]))
    assert text is not None
    assert text.startswith("No effect is significant: no factor, and no two together.\n")
    assert "| under 1% n.s. |" in text


def test_one_thing_varied_alone_has_nothing_to_say(make_campaign: MakeCampaign, crossed: list[Cell]) -> None:
    description, records = make_campaign(crossed[:2], {"poolsize": [5, 20]})
    assert describe_effects(*summed(description, records, description.experiments[0])) is None


def test_a_loop_within_asyncio_drivers_is_said_to_be_nested(
    make_campaign: MakeCampaign, threaded: Cell, uvloop_cell: Cell
) -> None:
    cells = [threaded, uvloop_cell, replace(uvloop_cell, loop="asyncio")]
    description, records = make_campaign(cells, {"loader": CROSSED["loader"], "loop": ["uvloop", "asyncio"]})
    assert describe_effects(*summed(description, records, description.experiments[0])) == (
        "The effect of each axis is unknown: loop is nested in loader (none with psycopg2 · threads).\n"
    )


def test_what_is_nested_is_one_factor_where_that_is_crossed_with_another(
    make_campaign: MakeCampaign, crossed: list[Cell]
) -> None:
    cells = [*crossed, *(replace(cell, loop="asyncio") for cell in crossed[2:])]
    description, records = make_campaign(cells, {**CROSSED, "loop": ["uvloop", "asyncio"]})
    text = describe_effects(*summed(description, records, description.experiments[0]))
    assert text is not None
    assert text.startswith("**Pool size explains ")
    assert "| aiopg · asyncio " in text
    assert "- Nested axes are one factor: loop is nested in loader (none with psycopg2 · threads)." in text


def test_combinations_that_are_missing_are_named_instead_of_computing_nonsense(
    make_campaign: MakeCampaign, threaded: Cell
) -> None:
    pairs = [("3.9", 5, "x"), ("3.9", 20, "y"), ("3.13", 5, "y"), ("3.13", 20, "x"), ("3.13", 20, "y"), ("3.9", 5, "y")]
    cells = [replace(threaded, python=python, poolsize=size, data=data) for python, size, data in pairs]
    lists = {"python": ["3.9", "3.13"], "poolsize": [5, 20], "data": ["x", "y"]}
    description, records = make_campaign(cells, lists)
    assert describe_effects(*summed(description, records, description.experiments[0])) == (
        "The effect of each axis is unknown: 2 combinations of Python, pool size and data are not in the experiment.\n"
    )


def test_a_level_of_which_cells_cannot_run_is_left_out_and_named(
    make_campaign: MakeCampaign, threaded: Cell, uvloop_cell: Cell
) -> None:
    pythons = ["3.9", "3.13", "3.14"]
    cells = [replace(cell, python=python) for python in pythons for cell in (threaded, uvloop_cell)]
    lists = {"python": pythons, "loader": CROSSED["loader"], "loop": ["uvloop"]}
    description, records = make_campaign(cells, lists, unsupported=cells[-1:])
    text = describe_effects(*summed(description, records, description.experiments[0]))
    assert text is not None
    assert "- Without 3.14, of which some cells cannot run.\n" in text
    assert "| Python               | 3.13 " in text
    assert "| 3.14 " not in text


@pytest.mark.parametrize("lists", [CROSSED, {**CROSSED, "python": ["3.13"]}], ids=["not listed", "listed"])
def test_a_baseline_from_elsewhere_is_left_out(
    make_campaign: MakeCampaign, crossed: list[Cell], lists: Mapping[str, Sequence[Any]]
) -> None:
    elsewhere = replace(crossed[0], poolsize=20, python="3.9")
    description, records = make_campaign([elsewhere, *crossed], lists)
    without, _ = make_campaign(crossed, lists)
    text = describe_effects(*summed(description, records, description.experiments[0]))
    assert text is not None
    assert text == describe_effects(*summed(without, records, description.experiments[0]))


def test_a_baseline_that_the_experiment_lists_is_a_level_though_no_other_cell_has_it(
    make_campaign: MakeCampaign, threaded: Cell, uvloop_cell: Cell
) -> None:
    cells = [threaded, uvloop_cell, replace(uvloop_cell, loop="asyncio")]
    lists = {"loader": CROSSED["loader"], "loop": ["uvloop", "asyncio"]}
    description, records = make_campaign(cells, lists, unsupported=cells[2:])
    assert describe_effects(*summed(description, records, description.experiments[0])) == (
        "The effect of each axis is unknown: loop is nested in loader (none with psycopg2 · threads).\n"
    )


def test_where_nothing_crossed_is_left_what_cannot_run_is_named(
    make_campaign: MakeCampaign, crossed: list[Cell]
) -> None:
    description, records = make_campaign(crossed, CROSSED, unsupported=crossed[3:])
    assert describe_effects(*summed(description, records, description.experiments[0])) == (
        "The effect of each axis is unknown: "
        "nothing is crossed without aiopg · uvloop, of which some cells cannot run.\n"
    )


def test_a_block_that_an_interruption_has_cut_does_not_count(make_campaign: MakeCampaign, crossed: list[Cell]) -> None:
    description, records = make_campaign(crossed, CROSSED, blocks=6)
    cut = [
        replace(record, resumed=True) if (record.block, record.cell_key) == (6, key_of(crossed[3])) else record
        for record in records
    ]
    text = describe_effects(*summed(description, cut, description.experiments[0]))
    assert text is not None
    assert "- From 5 blocks " in text


def test_combinations_of_three_are_only_claimed_where_they_are_significant(
    make_campaign: MakeCampaign, crossed: list[Cell]
) -> None:
    cells = [replace(cell, python=python) for python in ("3.9", "3.13") for cell in crossed]
    description, records = make_campaign(cells, {**CROSSED, "python": ["3.9", "3.13"]}, wobble=0.2)
    text = describe_effects(*summed(description, records, description.experiments[0]))
    assert text is not None
    assert "combinations of three and more" not in text
    assert re.search(r"- Combinations of three and more factors explain .*% n\.s\.\n", text)
    fast = [
        replace(record, rows_per_s=3.0 * (record.rows_per_s or 0)) if record.cell_key == key_of(cells[7]) else record
        for record in make_campaign(cells, {**CROSSED, "python": ["3.9", "3.13"]})[1]
    ]
    text = describe_effects(*summed(description, fast, description.experiments[0]))
    assert text is not None
    assert ", combinations of three and more " in text.split("\n")[0]


def test_fewer_than_five_whole_blocks_claim_nothing(make_campaign: MakeCampaign, crossed: list[Cell]) -> None:
    description, records = make_campaign(crossed, CROSSED)
    one_failed = [
        replace(record, status="failed") if (record.block, record.cell_key) == (5, key_of(crossed[0])) else record
        for record in records
    ]
    assert describe_effects(*summed(description, one_failed, description.experiments[0])) == (
        "The effect of each axis is unknown: it needs 5 blocks in which every cell ran well, and there are 4.\n"
    )
