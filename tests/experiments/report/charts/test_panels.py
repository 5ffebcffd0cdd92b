from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.report.charts.panels import decades, log_ticks, nice_top, ratio_limits


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.97, 1.03, [0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03]),
        (0.75, 1.45, [0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4]),
        (0.28, 1.7, [0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6]),
        (0.05, 3.0, [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3]),
        (0.02, 4.0, [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]),
        (0.001, 1000.0, [0.001, 0.01, 0.1, 1, 10, 100, 1000]),
        (1e-9, 1e9, [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(ticks)


@given(st.lists(st.floats(1e-9, 1e9)))
def test_an_axis_holds_all_values_and_1_and_has_a_tick_there(values: list[float]) -> None:
    low, high = ratio_limits(values)
    assert all(low < value < high for value in [1, *values])
    ticks = log_ticks(low, high)
    assert any(math.isclose(tick, 1) for tick in ticks)
    assert 2 <= len(ticks) <= 8
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)


def test_what_is_no_number_above_0_widens_no_axis() -> None:
    assert ratio_limits([0.0, math.inf, math.nan]) == ratio_limits([])


@pytest.mark.parametrize(
    ("highest", "top"), [(29_941.0, 40_000.0), (22_000.0, 40_000.0), (10_000.0, 10_000.0), (0.0, 1.0)]
)
def test_axes_from_zero_end_at_one_of_few_values(highest: float, top: float) -> None:
    assert nice_top(highest) == top


def test_axes_of_times_end_at_powers_of_ten() -> None:
    assert decades([1.0, 35.0]) == (1.0, 100.0)
    assert decades([]) == (1.0, 10.0)
