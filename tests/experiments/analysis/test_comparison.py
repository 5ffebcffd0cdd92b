from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.comparison import ComparedCell, Comparison, compare_campaigns, find_package_differences
from experiments.analysis.differences import Difference
from experiments.analysis.matching import pair_cells
from experiments.analysis.stats import Estimate
from experiments.analysis.summary import summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import Record
from tests.experiments.made_campaigns import WOBBLE, measured

# Both sets of five logarithms have the variance 0.00025, so that the difference of their means has the standard error
# sqrt(2 * 0.00025 / 5) = 0.01 and, by Welch, 8 degrees of freedom, for which Student's 97.5% quantile is 2.306004.
REACH = 0.02306004

MakeRecord = Callable[..., Record]
Change = Callable[[Record], Record]


@pytest.fixture
def pools(description: Description, uvloop_cell: Cell) -> Description:
    """With three pool sizes beside the baseline, in two experiments that have one of them in common."""
    cells = tuple(
        ShownCell(f"sha256:pool{poolsize}", "a", experiments, replace(uvloop_cell, poolsize=poolsize))
        for poolsize, experiments in ((1, ("loaders",)), (5, ("loaders", "pools")), (50, ("pools",)))
    )
    baseline = tuple(replace(shown, experiments=("loaders", "pools")) for shown in description.cells[:2])
    lists = {"matrix": {"poolsize": [1, 5, 50]}}
    return replace(
        description,
        matrix={**description.matrix, "experiments": {"loaders": lists, "pools": lists}},
        experiments=(ShownExperiment("loaders", "Which?"), ShownExperiment("pools", "How many?")),
        cells=(*baseline, *cells),
    )


def cell_of(comparison: Comparison, experiment: str, key: str, arm: str = "a") -> ComparedCell:
    (one,) = (one for one in comparison.experiments if one.name == experiment)
    return next(cell for cell in one.cells if (cell.shown.cell_key, cell.shown.arm) == (f"sha256:{key}", arm))


def assert_close(estimate: Estimate | None, value: float, reach: float) -> None:
    assert estimate is not None
    found = [estimate.value, estimate.low, estimate.high]
    assert found == pytest.approx([value, value * math.exp(-reach), value * math.exp(reach)], rel=1e-5)


def test_a_ratio_that_changed_is_told_with_welchs_interval_whatever_the_machine_did_as_a_whole(
    description: Description, make_record: MakeRecord
) -> None:
    one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    a = measured(description, make_record, one)
    b = measured(description, make_record, {**one, "row_by_row_asyncio": 1.5}, drift=0.5, campaign="b")
    cell = cell_of(compare_campaigns(a, b), "loaders", "row_by_row_asyncio")
    assert_close(cell.relative, 1.25, REACH)
    assert cell.ratio_a is not None
    assert cell.ratio_b is not None
    assert (cell.ratio_a.value, cell.ratio_b.value) == pytest.approx((1.2, 1.5))
    assert (cell.differs, cell.differs_by_itself, cell.obstacles) == (True, True, (None, None))
    # Half as fast as a whole: the bare rows/s say so, and what the machine did from block to block hides much in them.
    assert cell.absolute is not None
    assert cell.absolute.value == pytest.approx(0.625)
    assert cell.absolute.low is not None
    assert cell.absolute.low < 0.625 * math.exp(-0.2)


def test_the_baseline_has_nothing_but_its_bare_rows_per_second(
    description: Description, make_record: MakeRecord
) -> None:
    one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    a, b = (measured(description, make_record, one, drift=drift) for drift in (1.0, 0.5))
    cell = cell_of(compare_campaigns(a, b), "loaders", "row_by_row_threaded")
    assert cell.baseline
    assert cell.relative is None
    assert cell.absolute is not None
    assert cell.absolute.value == pytest.approx(0.5)
    assert (cell.obstacles, cell.adjusted_p) == ((None, None), None)


def test_the_noise_floors_are_those_of_the_tables(description: Description, make_record: MakeRecord) -> None:
    one = {"row_by_row_threaded": 1.0, "row_by_row_asyncio": 1.2}
    a = measured(description, make_record, {**one, "again": 1.01})
    b = measured(description, make_record, {**one, "again": 0.9})
    (experiment,) = compare_campaigns(a, b).experiments
    floors = [summarize(Campaign(side.description, side.records), description.experiments[0]).floor for side in (a, b)]
    assert [experiment.floor_a, experiment.floor_b] == floors
    assert experiment.larger_floor == experiment.floor_b
    few = replace(b, records=[record for record in b.records if record.block == 1])
    (experiment,) = compare_campaigns(a, few).experiments
    assert (experiment.floor_b, experiment.larger_floor) == (None, None)


def test_a_cell_in_several_experiments_and_the_baseline_again_do_not_make_the_family_larger(
    pools: Description, make_record: MakeRecord
) -> None:
    one = {"row_by_row_threaded": 1.0, "again": 1.0, "pool1": 0.3, "pool5": 0.8, "pool50": 0.9}
    a = measured(pools, make_record, one)
    # By itself exp(0.025) is beyond its interval's reach of 0.023; of three cells compared it is not.
    b = measured(pools, make_record, {**one, "again": 1.5, "pool1": 0.6, "pool5": 0.8 * math.exp(0.025)})
    comparison = compare_campaigns(a, b)
    assert len(comparison.compared) == 3
    twice = [cell_of(comparison, name, "pool5") for name in ("loaders", "pools")]
    assert twice[0].relative is not None
    assert twice[0].relative.p_value == pytest.approx(0.0369, abs=0.0001)
    assert [cell.adjusted_p for cell in twice] == pytest.approx([0.0739, 0.0739], abs=0.0001)
    assert [(cell.differs, cell.differs_by_itself) for cell in twice] == [(False, True)] * 2
    assert sum(cell.differs for cell in comparison.compared) == 1
    again = cell_of(comparison, "loaders", "row_by_row_threaded", "b")
    assert again.relative is not None
    assert again.relative.value == pytest.approx(1.5)
    assert (again.adjusted_p, again.differs, again.differs_by_itself) == (None, False, False)


def test_with_fewer_than_five_good_blocks_on_a_side_nothing_is_called_different(
    description: Description, make_record: MakeRecord
) -> None:
    one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    a = measured(description, make_record, one)
    b = measured(description, make_record, {**one, "row_by_row_asyncio": 3.0})
    b = replace(b, records=[record for record in b.records if record.block < 5])
    cell = cell_of(compare_campaigns(a, b), "loaders", "row_by_row_asyncio")
    assert cell.relative is not None
    assert cell.relative == Estimate(cell.relative.value)
    assert cell.relative.value == pytest.approx(2.5, rel=0.01)
    assert (cell.differs, cell.differs_by_itself, cell.blocks_a, cell.blocks_b) == (False, False, 5, 4)
    assert compare_campaigns(a, b).compared == []


@pytest.fixture
def with_fifth_block(description: Description, make_record: MakeRecord) -> Callable[[Change], ComparedCell]:
    """Compares a campaign whose asyncio is far off in the fifth block, its records changed, with one without that."""

    def compare(change: Change) -> ComparedCell:
        one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
        a = measured(description, make_record, one)
        b = measured(description, make_record, one, wobbles={"row_by_row_asyncio": (*WOBBLE[:4], 5.0)})
        changed = replace(b, records=[change(record) for record in b.records])
        return cell_of(compare_campaigns(a, changed), "loaders", "row_by_row_asyncio")

    return compare


def test_a_run_whose_baseline_failed_in_its_block_does_not_count(
    with_fifth_block: Callable[[Change], ComparedCell],
) -> None:
    def fail(record: Record) -> Record:
        baseline = (record.cell_key, record.arm, record.block) == ("sha256:row_by_row_threaded", "a", 5)
        return replace(record, status="failed", reason="broken") if baseline else record

    cell = with_fifth_block(fail)
    assert cell.relative is not None
    assert cell.relative.value == pytest.approx(math.exp(-0.005))


def test_a_run_that_an_interruption_parted_from_its_baseline_does_not_count(
    with_fifth_block: Callable[[Change], ComparedCell],
) -> None:
    def resume(record: Record) -> Record:
        return replace(record, resumed=(record.cell_key, record.block) == ("sha256:row_by_row_asyncio", 5))

    cell = with_fifth_block(resume)
    assert cell.relative is not None
    assert cell.relative.value == pytest.approx(math.exp(-0.005))
    assert cell.blocks_b == 5


def test_cells_that_could_not_run_or_never_ran_well_say_why_there_is_nothing(
    description: Description, make_record: MakeRecord
) -> None:
    a = measured(description, make_record, {"row_by_row_threaded": 1.0, "row_by_row_asyncio": 1.2})
    b = measured(description, make_record, {"row_by_row_threaded": 1.0})
    comparison = compare_campaigns(a, b)
    assert cell_of(comparison, "loaders", "row_by_row_asyncio").obstacle("A", "B") == "B: no run was ok"
    assert cell_of(comparison, "loaders", "row_by_row_threaded", "b").obstacle("A", "B") == "no run was ok"
    assert cell_of(comparison, "loaders", "none").obstacles == ("cannot run: no wheel of aiopg | none at all",) * 2


def test_cells_are_matched_by_axes_and_those_of_one_campaign_only_are_named(
    description: Description, make_record: MakeRecord
) -> None:
    one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2, "other": 1.3}
    a = measured(description, make_record, one)
    cells = (
        *description.cells[:2],
        replace(description.cells[2], cell_key="sha256:other"),
        replace(description.cells[2], cell_key="sha256:more", cell=replace(description.cells[2].cell, poolsize=5)),
    )
    b = measured(description, make_record, one, cells=cells)
    comparison = compare_campaigns(a, b)
    assert_close(cell_of(comparison, "loaders", "other").relative, 1.3 / 1.2, REACH)
    assert [shown.cell_key for shown in comparison.only_a] == ["sha256:none"]
    assert [shown.cell_key for shown in comparison.only_b] == ["sha256:more"]


def test_experiments_that_only_one_has_are_left_out(description: Description, make_record: MakeRecord) -> None:
    a = measured(description, make_record, {"row_by_row_threaded": 1.0})
    renamed = tuple(replace(shown, experiments=("others",)) for shown in description.cells)
    matrix = {**description.matrix, "experiments": {"others": {"matrix": {}}}}
    others = (ShownExperiment("others", "?"),)
    b = measured(description, make_record, {}, cells=renamed, matrix=matrix, experiments=others)
    assert compare_campaigns(a, b).experiments == ()


def test_versions_of_packages_that_the_runs_report_are_told_where_they_differ(
    description: Description, make_record: MakeRecord
) -> None:
    a, b = (measured(description, make_record, {"row_by_row_threaded": 1.0}) for _ in range(2))
    client = b.records[0].client
    assert client is not None
    newer = [replace(one, client=replace(client, packages={"psycopg2": "2.9.12"})) for one in b.records]
    cells = pair_cells(a.description, b.description)
    assert find_package_differences(a, b, cells) == []
    assert find_package_differences(a, replace(b, records=newer), cells) == [
        Difference("software", "packages local: 3.13", "psycopg2", "2.9.11", "2.9.12")
    ]
    assert find_package_differences(a, replace(b, records=newer), []) == []
    changed = replace(b, records=[*b.records[:1], *newer[1:]])
    assert find_package_differences(a, changed, cells) == [
        Difference("software", "packages local: 3.13", "psycopg2", "2.9.11", "2.9.11 and 2.9.12")
    ]


def test_cells_that_differ_in_an_ignored_axis_are_compared_and_their_packages_too(
    description: Description, make_record: MakeRecord
) -> None:
    one = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    a = measured(description, make_record, one)
    moved = tuple(replace(shown, cell=replace(shown.cell, python="3.14")) for shown in description.cells)
    b = measured(description, make_record, {**one, "row_by_row_asyncio": 1.5}, cells=moved)
    client = b.records[0].client
    assert client is not None
    newer = [replace(one, client=replace(client, packages={"psycopg2": "2.9.12"})) for one in b.records]
    assert compare_campaigns(a, b).experiments == ()
    comparison = compare_campaigns(a, b, ("python",))
    cell = cell_of(comparison, "loaders", "row_by_row_asyncio")
    assert_close(cell.relative, 1.25, REACH)
    assert cell.axes.python == "3.14"
    assert (comparison.only_a, comparison.only_b, comparison.ambiguous_a) == ((), (), ())
    pairs = pair_cells(a.description, b.description, ("python",))
    assert find_package_differences(a, replace(b, records=newer), pairs) == [
        Difference("software", "packages local: 3.13 and local: 3.14", "psycopg2", "2.9.11", "2.9.12")
    ]
