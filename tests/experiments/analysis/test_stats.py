from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.stats import (
    Estimate,
    adjust_holm,
    estimate_median,
    estimate_ratio,
    estimate_unpaired_ratio,
    is_noise,
    noise_floor,
)

SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def scipy_stats() -> Any:
    """The distributions to compare with, imported when they are needed: it takes a second."""
    from scipy import stats

    return stats


P_VALUES = st.lists(st.none() | st.floats(0, 1), max_size=8)


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


def test_below_ten_blocks_interval_and_p_value_are_those_of_the_paired_t_test() -> None:
    # Student's sleep data (1908) without the last patient: extra hours on two drugs.
    first, second = SLEEP_1[:9], SLEEP_2[:9]
    ratio = estimate_ratio(dict(enumerate(map(math.exp, second))), dict(enumerate(map(math.exp, first))))
    test = scipy_stats().ttest_rel(second, first)
    low, high = test.confidence_interval()
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((math.exp(14.4 / 9), math.exp(low), math.exp(high)))
    assert ratio.p_value == pytest.approx(test.pvalue)


def test_of_ten_blocks_the_smallest_and_the_largest_do_not_count() -> None:
    logs = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    ratio, without_limits = (
        estimate_ratio(dict(enumerate(map(math.exp, values))), dict.fromkeys(range(10), 1.0))
        for values in (logs, [-7.0, *logs[1:-1], 7.0])
    )
    # Both ends become their neighbours: 0.1 0.1 0.2 ... 0.8 0.8 has the standard deviation 0.271825. t for
    # 10 - 2 - 2 = 6 degrees of freedom is 2.446912.
    reach = 2.446912 * 0.271825 * math.sqrt(10) / 8
    assert ratio is not None
    assert ratio == without_limits
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (math.exp(0.45), math.exp(0.45 - reach), math.exp(0.45 + reach)), rel=1e-5
    )


@pytest.mark.parametrize("blocks", [10, 20, 30])
def test_trimmed_mean_and_its_error_are_scipys(blocks: int) -> None:
    logs = [math.sin(block) for block in range(blocks)]
    ratio = estimate_ratio(dict(enumerate(map(math.exp, logs))), dict.fromkeys(range(blocks), 1.0))
    assert ratio is not None
    assert ratio.p_value is not None
    mean, error = (
        scipy_stats().mstats.trimmed_mean(logs, (0.1, 0.1)),
        scipy_stats().mstats.trimmed_stde(logs, (0.1, 0.1)),
    )
    freedom = round(0.8 * blocks) - 2
    assert math.log(ratio.value) == pytest.approx(mean)
    assert ratio.p_value == pytest.approx(2 * scipy_stats().t.sf(abs(mean) / error, freedom))


def test_nine_runs_that_share_no_blocks_have_welchs_interval_and_p_value() -> None:
    # Student's sleep data without the last patient, as if unpaired.
    ratio = estimate_unpaired_ratio(SLEEP_1[:9], SLEEP_2[:9])
    test = scipy_stats().ttest_ind(SLEEP_2[:9], SLEEP_1[:9], equal_var=False)
    assert ratio is not None
    low, high = test.confidence_interval()
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((math.exp(14.4 / 9), math.exp(low), math.exp(high)))
    assert ratio.p_value == pytest.approx(test.pvalue)


def test_ten_runs_that_share_no_blocks_are_compared_without_the_smallest_and_the_largest() -> None:
    ratio = estimate_unpaired_ratio(SLEEP_1, SLEEP_2)
    # Yuen 1974. Sums of the eight others: 5.4 and 17.9. Sums of the squared deviations of all ten, both ends moved to
    # their neighbours: 25.404 and 30.204, each divided by 8 * 7.
    difference, first, second = (17.9 - 5.4) / 8, 25.404 / 56, 30.204 / 56
    freedom = (first + second) ** 2 / (first**2 / 7 + second**2 / 7)
    reach = scipy_stats().t.ppf(0.975, freedom) * math.sqrt(first + second)
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (math.exp(difference), math.exp(difference - reach), math.exp(difference + reach))
    )


def test_sides_of_different_length_can_be_compared_but_not_with_nothing() -> None:
    ratio = estimate_unpaired_ratio([0.0] * 5, [0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    assert ratio is not None
    assert ratio.value == pytest.approx(math.exp(0.2))
    assert ratio.low is not None
    assert estimate_unpaired_ratio([], [0.1]) is None
    assert estimate_unpaired_ratio([0.1], []) is None


def test_four_runs_on_either_side_get_no_interval_and_no_p_value() -> None:
    few, enough = [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4, 0.5]
    for ratio in (estimate_unpaired_ratio(few, enough), estimate_unpaired_ratio(enough, few)):
        assert ratio is not None
        assert (ratio.low, ratio.high, ratio.p_value) == (None, None, None)


@pytest.mark.filterwarnings("error")
def test_blocks_that_all_say_the_same_leave_no_doubt() -> None:
    same, double = {block: 2.0 + block for block in range(5)}, {block: 4.0 + 2 * block for block in range(5)}
    assert estimate_ratio(same, same) == Estimate(1.0, 1.0, 1.0, 1.0)
    twice = estimate_ratio(double, same)
    assert twice is not None
    assert (twice.value, twice.low, twice.high) == pytest.approx((2, 2, 2))
    assert twice.p_value == 0.0
    assert estimate_unpaired_ratio([0.5] * 5, [0.5] * 5) == Estimate(1.0, 1.0, 1.0, 1.0)


@pytest.mark.filterwarnings("error")
def test_nine_of_ten_blocks_that_say_the_same_leave_no_doubt_either() -> None:
    # The tenth is left out, and so has no spread; one side without any is none, as long as the other has some.
    same, double = [0.0] * 9 + [0.5], [math.log(2)] * 9 + [7.0]
    assert estimate_unpaired_ratio(same, same) == Estimate(1.0, 1.0, 1.0, 1.0)
    twice = estimate_unpaired_ratio(same, double)
    assert twice is not None
    assert (twice.value, twice.low, twice.high, twice.p_value) == pytest.approx((2, 2, 2, 0))
    other = estimate_unpaired_ratio(same, SLEEP_1)
    assert other is not None
    assert other.low is not None
    assert math.isfinite(other.low)


@pytest.mark.parametrize(("first", "second"), [(10, 10), (10, 14), (7, 23)])
def test_runs_that_share_no_blocks_are_compared_as_scipy_does(first: int, second: int) -> None:
    logs_a, logs_b = [math.sin(run) for run in range(first)], [math.cos(3 * run) for run in range(second)]
    ratio = estimate_unpaired_ratio(logs_a, logs_b)
    test = scipy_stats().ttest_ind(logs_b, logs_a, equal_var=False, trim=0.1)
    assert ratio is not None
    low, high = test.confidence_interval()
    assert (ratio.low, ratio.high, ratio.p_value) == pytest.approx((math.exp(low), math.exp(high), test.pvalue))


def test_only_blocks_that_both_have_count() -> None:
    ratio = estimate_ratio({1: 2.0, 2: 8.0, 3: 5.0}, {1: 1.0, 2: 1.0})
    assert ratio is not None
    assert ratio.value == pytest.approx(4.0)
    assert estimate_ratio({1: 2.0}, {2: 1.0}) is None


def test_four_blocks_get_no_interval_and_so_no_noise_floor() -> None:
    ratio = estimate_ratio({1: 1.0, 2: 2.0, 3: 1.0, 4: 2.0}, dict.fromkeys(range(1, 5), 1.0))
    assert ratio is not None
    assert (ratio.low, ratio.high, ratio.p_value) == (None, None, None)
    assert noise_floor(ratio) is None
    assert noise_floor(None) is None


def test_the_noise_floor_is_as_far_as_the_interval_reaches_from_its_middle() -> None:
    assert noise_floor(Estimate(1.0, 1 / 1.05, 1.05)) == pytest.approx(1.05)
    assert noise_floor(Estimate(1.02, 1.02 / 1.05, 1.02 * 1.05)) == pytest.approx(1.05)
    assert noise_floor(Estimate(0.98, 0.98 / 1.05, 0.98 * 1.05)) == pytest.approx(1.05)


def test_a_baseline_that_differs_from_itself_by_more_than_that_lifts_the_floor_to_the_difference() -> None:
    assert noise_floor(Estimate(1.28, 1.28 / 1.2, 1.28 * 1.2)) == pytest.approx(1.28)
    assert noise_floor(Estimate(0.8, 0.8 / 1.2, 0.8 * 1.2)) == pytest.approx(1.25)


@pytest.mark.parametrize(
    ("ratio", "noise"),
    [
        (Estimate(1.04, 1.03, 1.045), True),  # nearer to 1 than the floor
        (Estimate(0.96, 0.955, 0.965), True),
        (Estimate(1.2, 0.9, 1.5), True),  # its interval holds 1
        (Estimate(1.2, 1.1, 1.3), False),
        (Estimate(0.8, 0.7, 0.9), False),
        (Estimate(1.0), None),  # no interval, no claim
    ],
)
def test_a_ratio_is_noise_within_the_floor_or_when_its_interval_holds_one(ratio: Estimate, noise: bool | None) -> None:
    assert is_noise(ratio, floor=1.05) is noise


@pytest.mark.parametrize(("adjusted_p", "noise"), [(0.051, True), (0.05, True), (0.049, False), (None, False)])
def test_an_adjusted_p_value_decides_instead_of_the_interval(adjusted_p: float | None, noise: bool) -> None:
    assert is_noise(Estimate(1.2, 1.1, 1.3, 0.001), floor=1.05, adjusted_p=adjusted_p) is noise


def test_a_ratio_within_the_floor_is_noise_however_small_its_p_value() -> None:
    assert is_noise(Estimate(1.04, 1.03, 1.05, 1e-9), floor=1.05, adjusted_p=1e-8) is True


def test_holm_multiplies_the_smallest_by_their_number_and_each_next_by_one_less() -> None:
    # Holm 1979 on four: 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1, which must not be below the one before.
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_has_no_p_value_is_not_of_the_family() -> None:
    assert adjust_holm([None, 0.02, None]) == [None, 0.02, None]
    assert adjust_holm([]) == []


@given(P_VALUES)
def test_adjusted_p_values_lie_between_the_raw_ones_and_bonferronis(p_values: list[float | None]) -> None:
    family = [(p, adjusted) for p, adjusted in zip(p_values, adjust_holm(p_values), strict=True) if p is not None]
    assert all(adjusted is not None and p <= adjusted <= min(1, p * len(family)) for p, adjusted in family)


@given(P_VALUES, st.randoms())
def test_adjusted_p_values_do_not_depend_on_the_order_of_the_rows(
    p_values: list[float | None], random: random.Random
) -> None:
    order = list(range(len(p_values)))
    random.shuffle(order)
    adjusted = adjust_holm(p_values)
    assert adjust_holm([p_values[place] for place in order]) == [adjusted[place] for place in order]


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=12))
def test_the_interval_holds_one_exactly_where_the_p_value_is_not_below_five_percent(logs: list[float]) -> None:
    ratio = estimate_ratio(dict(enumerate(map(math.exp, logs))), dict.fromkeys(range(len(logs)), 1.0))
    assert ratio is not None
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.p_value is not None
    assert (ratio.low <= 1 <= ratio.high) == (ratio.p_value >= 0.05)


def test_without_a_floor_nothing_is_claimed() -> None:
    assert is_noise(Estimate(1.0, 0.9, 1.1), floor=None) is None
