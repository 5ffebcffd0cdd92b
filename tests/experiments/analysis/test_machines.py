from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.machines import estimate_for_machines, estimate_variances, find_spread
from experiments.records.description import Description
from experiments.records.record import Record
from tests.experiments.made_summaries import summed


def test_the_variances_are_those_of_the_textbook() -> None:
    # Groups of 2: within (2 + 2) / 2 = 2; between means 1 and 5: mean square 16, (16 - 2) / 2 = 7.
    found = estimate_variances({"a": [0.0, 2.0], "b": [4.0, 6.0]})
    assert found is not None
    assert [found.within, found.between, found.correlation] == pytest.approx([2, 7, 7 / 9])


def test_groups_of_unequal_size_count_by_their_usual_size() -> None:
    # Means 1 and 4, center 2; within 2 / 1; between 2 * 1 + 1 * 4 = 6; size (3 - 5 / 3) / 1 = 4 / 3.
    found = estimate_variances({"a": [0.0, 2.0], "b": [4.0]})
    assert found is not None
    assert [found.within, found.between] == pytest.approx([2, (6 - 2) / (4 / 3)])


@pytest.mark.parametrize("groups", [{"a": [1.0, 2.0]}, {"a": [1.0], "b": [2.0]}])
def test_one_machine_or_one_block_on_each_say_nothing_of_the_spread(groups: dict[str, list[float]]) -> None:
    assert estimate_variances(groups) is None


def test_machines_that_differ_less_than_their_blocks_have_no_correlation() -> None:
    found = estimate_variances({"a": [0.0, 2.0], "b": [2.0, 0.0]})
    assert found is not None
    assert found.correlation == 0.0


def test_the_interval_is_that_of_the_means_of_three_machines_or_more() -> None:
    groups = {"a": [0.0, 0.0], "b": [0.1, 0.1], "c": [0.2, 0.2]}
    found = estimate_for_machines(groups)
    assert found is not None
    assert found.interval is not None
    reach = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert [math.log(value) for value in (found.value, *found.interval)] == pytest.approx(
        [0.1, 0.1 - reach, 0.1 + reach]
    )
    assert estimate_for_machines({"a": [0.0, 0.0], "b": [0.1, 0.1]}) is None


def test_machines_that_agree_by_chance_still_have_the_width_of_their_blocks() -> None:
    found = estimate_for_machines({name: [-0.1, 0.1] for name in "abc"})
    assert found is not None
    assert found.interval is not None
    # A variance of 0.02 within, so 0.01 of each mean.
    assert math.log(found.interval[1]) == pytest.approx(4.302652729911275 * 0.1 / math.sqrt(3))


def share_covered(sizes: tuple[int, ...], between: float, campaigns: int = 1000) -> float:
    """The share of simulated campaigns whose interval holds the true ratio 1; blocks have a noise of 2%."""
    chance = random.Random(5)
    covered = 0
    for _ in range(campaigns):
        means = [chance.gauss(0, between) for _ in sizes]
        groups = {
            str(place): [chance.gauss(mean, 0.02) for _ in range(size)]
            for place, (mean, size) in enumerate(zip(means, sizes, strict=True))
        }
        found = estimate_for_machines(groups)
        assert found is not None
        assert found.interval is not None
        covered += found.interval[0] <= 1 <= found.interval[1]
    return covered / campaigns


@pytest.mark.parametrize("between", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("sizes", [(4, 3, 3), (4,) * 5, (10, 2, 2)])
def test_the_interval_covers_the_ratio_of_machines_like_these(sizes: tuple[int, ...], between: float) -> None:
    assert share_covered(sizes, between) >= 0.93


def test_a_row_has_the_spread_of_its_ratios_and_the_baseline_that_of_its_rate(
    description: Description, make_record: Callable[..., Record]
) -> None:
    described = replace(description, cells=description.cells[:3])
    speed = {"a": 1.0, "b": 2.0, "c": 4.0}
    records = [
        replace(
            make_record(shown.cell, arm=shown.arm, cell_key=shown.cell_key, block=block),
            machine=machine,
            rows_per_s=rate,
        )
        for block, machine in enumerate("aabbcc", start=1)
        for shown in described.cells
        for rate in [1000.0 * speed[machine] * (1.1 if shown.cell.loop else 1.0) * (1 + 0.01 * (block % 2))]
    ]
    summary, _ = summed(described, records, described.experiments[0])
    rate, _, ratio = [find_spread(cell) for cell in summary.cells]
    assert rate is not None
    assert ratio is not None
    assert rate.ratio is None
    assert rate.correlation == pytest.approx(1.0, abs=0.001)
    assert ratio.ratio is not None
    assert ratio.ratio.value == pytest.approx(1.1)
    without = [replace(record, machine=None) for record in records]
    assert find_spread(summed(described, without, described.experiments[0])[0].cells[2]) is None
