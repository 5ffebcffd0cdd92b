from __future__ import annotations

import math

import pytest

from experiments.stats import Estimate, estimate_median, estimate_ratio, is_noise, noise_floor


def test_ten_values_have_the_interval_from_the_second_to_the_ninth() -> None:
    # Binomial(10, 1/2): 97.9% between the 2nd and the 9th, 89.1% between the 3rd and the 8th.
    assert estimate_median([10, 1, 9, 2, 8, 3, 7, 4, 6, 5]) == Estimate(5.5, 2, 9)


def test_six_values_have_their_range_and_fewer_have_no_interval() -> None:
    assert estimate_median([6, 5, 4, 3, 2, 1]) == Estimate(3.5, 1, 6)
    assert estimate_median([5, 4, 3, 2, 1]) == Estimate(3)
    assert estimate_median([5]) == Estimate(5)


def test_a_ratio_is_paired_within_blocks_so_that_a_drift_does_not_widen_it() -> None:
    baseline = {block: 100.0 * 2**block for block in range(1, 6)}
    values = {block: 150.0 * 2**block for block in range(1, 6)}
    ratio = estimate_ratio(values, baseline)
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.5, 1.5, 1.5))


def test_a_ratio_has_students_interval_on_the_log_scale() -> None:
    logs = [0.0, 0.1, 0.2, 0.3, 0.4]
    ratio = estimate_ratio(dict(enumerate(map(math.exp, logs))), dict.fromkeys(range(5), 1.0))
    # t for 4 degrees of freedom is 2.776, the standard deviation of the logs 0.15811.
    reach = 2.776445 * 0.158114 / math.sqrt(5)
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (math.exp(0.2), math.exp(0.2 - reach), math.exp(0.2 + reach)), rel=1e-5
    )


def test_only_blocks_that_both_have_count() -> None:
    ratio = estimate_ratio({1: 2.0, 2: 8.0, 3: 5.0}, {1: 1.0, 2: 1.0})
    assert ratio is not None
    assert ratio.value == pytest.approx(4.0)
    assert estimate_ratio({1: 2.0}, {2: 1.0}) is None


def test_four_blocks_get_no_interval_and_so_no_noise_floor() -> None:
    ratio = estimate_ratio({1: 1.0, 2: 2.0, 3: 1.0, 4: 2.0}, dict.fromkeys(range(1, 5), 1.0))
    assert ratio is not None
    assert ratio.low is None
    assert noise_floor(ratio) is None
    assert noise_floor(None) is None


def test_the_noise_floor_is_as_far_as_the_interval_reaches_from_one_on_either_side() -> None:
    assert noise_floor(Estimate(1.0, 0.98, 1.05)) == pytest.approx(1.05)
    assert noise_floor(Estimate(0.95, 0.9, 1.01)) == pytest.approx(1 / 0.9)


@pytest.mark.parametrize(
    ("ratio", "noise"),
    [
        (Estimate(1.04, 1.03, 1.045), True),  # nearer to 1 than the floor
        (Estimate(0.96, 0.955, 0.965), True),
        (Estimate(1.2, 0.9, 1.5), True),  # its interval holds 1
        (Estimate(1.2, 1.1, 1.3), False),
        (Estimate(0.8, 0.7, 0.9), False),
        (Estimate(1.0), False),  # no interval, no claim
    ],
)
def test_a_ratio_is_noise_within_the_floor_or_when_its_interval_holds_one(ratio: Estimate, noise: bool) -> None:
    assert is_noise(ratio, floor=1.05) is noise


def test_without_a_floor_nothing_is_claimed() -> None:
    assert is_noise(Estimate(1.0, 0.9, 1.1), floor=None) is False
