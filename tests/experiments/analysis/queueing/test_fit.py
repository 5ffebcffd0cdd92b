from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.queueing.fit import Fit, find_limits, fit_contention, fit_demands, predict, predict_from
from experiments.analysis.queueing.measurements import Sample
from experiments.analysis.usable_cores import Setup

ALONE = Sample(rows_per_s=4000, client_s=40e-6, server_s=120e-6)
# Of a cost of 22 us that 21 connections share, 1/11 is left.
AMONG_20 = Sample(rows_per_s=14_000, client_s=20e-6, server_s=70e-6)


def fit(*, durable: bool = True) -> Fit:
    return fit_demands(ALONE, AMONG_20, 21, durable=durable)


def test_both_cells_give_what_a_row_costs_and_what_is_shared() -> None:
    assert astuple(fit().client) == pytest.approx((18e-6, 22e-6))
    assert astuple(fit().server) == pytest.approx((65e-6, 55e-6))
    assert [fit().server_s(n) for n in (1, 21)] == [pytest.approx(120e-6), pytest.approx(70e-6)]
    assert fit().server_s(4) == pytest.approx(65e-6 + 55e-6 * 2 / 5)


def test_the_delay_is_what_a_row_takes_alone_beyond_both_costs() -> None:
    assert fit().delay_s == pytest.approx(250e-6 - 160e-6)


def test_there_is_no_delay_where_both_costs_explain_more_than_the_time() -> None:
    # Both sides may work at the same time.
    assert fit_demands(Sample(8000, 40e-6, 120e-6), AMONG_20, 21, durable=True).delay_s == 0.0


def test_the_cell_with_one_connection_is_met_exactly() -> None:
    assert predict(fit(), 1, Setup()).rows_per_s == pytest.approx(4000)


def test_a_pool_of_five_is_what_mean_values_make_of_the_costs_and_a_commit_that_waits() -> None:
    # By hand, one connection more at a time, with the costs and the delay of a pool of 5.
    client_s, server_s, delay_s = 18e-6 + 22e-6 / 3, 65e-6 + 55e-6 / 3, 90e-6 * 2.6
    at_client = at_server = rate = 0.0
    for n in range(1, 6):
        client_time_s, server_time_s = client_s * (1 + at_client), server_s * (1 + at_server)
        rate = n / (client_time_s + server_time_s + delay_s)
        at_client, at_server = rate * client_time_s, rate * server_time_s
    assert predict(fit(), 5, Setup()).rows_per_s == pytest.approx(rate)


def test_a_durable_commit_waits_for_those_of_others_and_another_does_not() -> None:
    assert fit().delay_at(1) == pytest.approx(90e-6)
    assert fit().delay_at(4) == pytest.approx(90e-6 * 2.5)
    assert fit(durable=False).delay_at(4) == pytest.approx(90e-6)


def test_many_connections_reach_what_the_busier_side_can_do() -> None:
    prediction = predict(fit(), 500, Setup())
    assert prediction.rows_per_s == pytest.approx(1 / (65e-6 + 55e-6 * 2 / 501), rel=1e-6)
    assert prediction.limit == "server"


def test_few_connections_are_the_limit_themselves() -> None:
    prediction = predict(fit(), 2, Setup(server_cores=16))
    assert prediction.limit == "pool"
    assert 0.9 * prediction.bounds.population < prediction.rows_per_s < prediction.bounds.population


def test_more_cores_of_the_server_make_the_client_the_limit() -> None:
    prediction = predict(fit(), 200, Setup(server_cores=16))
    assert prediction.limit == "client"
    assert prediction.rows_per_s == pytest.approx(1 / fit().client_s(200), rel=0.01)


def test_a_quota_bounds_and_slows_nothing_below_that() -> None:
    quarter = Setup(client_quota=0.25)
    # Alone the client uses 4000 rows/s x 40 us = 0.16 cores: the quota is never used up.
    assert predict(fit(), 1, quarter).rows_per_s == pytest.approx(4000)
    prediction = predict(fit(), 21, quarter)
    assert prediction.rows_per_s == pytest.approx(0.25 / 20e-6)
    assert prediction.limit == "client"
    assert prediction.bounds.stations["client"] == pytest.approx(12_500)


def test_a_quota_of_the_server_bounds_too() -> None:
    assert predict(fit(), 21, Setup(server_quota=0.5)).rows_per_s == pytest.approx(0.5 / 70e-6)


def test_shared_cores_are_one_station_with_the_costs_of_both() -> None:
    shared = Setup(server_cores=2, shared_cores=2)
    prediction = predict_from(20e-6, 60e-6, 0.0, 500, shared)
    assert prediction.bounds.stations["cores"] == pytest.approx(25_000)
    assert prediction.rows_per_s == pytest.approx(25_000, rel=1e-3)
    # And a client under a lock has one of them at most.
    assert predict_from(80e-6, 20e-6, 0.0, 500, shared).rows_per_s == pytest.approx(12_500)
    assert find_limits(80e-6, 20e-6, shared)["client"] == pytest.approx(12_500)


def test_cores_that_are_shared_in_part_do_together_what_all_of_them_can() -> None:
    # The server has two of its own and one that the client uses, too.
    limits = find_limits(60e-6, 60e-6, Setup(server_cores=3, shared_cores=3))
    assert limits == {"cores": pytest.approx(25_000), "client": pytest.approx(1 / 60e-6), "server": pytest.approx(5e4)}
    apart = find_limits(60e-6, 60e-6, Setup(client_cores=2, server_cores=1, shared_cores=2))
    assert apart["cores"] == apart["server"] == pytest.approx(1 / 60e-6)


def test_a_further_delay_is_that_of_every_row() -> None:
    without, slower = (predict(fit(), 1, Setup(), extra_delay_s=extra_s).rows_per_s for extra_s in (0.0, 1e-3))
    assert 1 / slower - 1 / without == pytest.approx(1e-3)


def test_contention_is_the_growth_beyond_the_saturated_pool_per_connection() -> None:
    expected_s = fit().server_s(51)
    crowded = Sample(10_000, 20e-6, 1.3 * expected_s)
    assert fit_contention(fit(), crowded, 51) == pytest.approx(0.01)
    again = fit_demands(ALONE, AMONG_20, 21, durable=True, contention=0.01, contended=21)
    assert again.server_s(51) == pytest.approx(1.3 * expected_s)
    assert again.server_s(21) == pytest.approx(70e-6)


@pytest.mark.parametrize("contended", [4, 21, 40])
def test_contention_changes_neither_of_the_cells_that_the_rest_is_fitted_on(contended: int) -> None:
    # Another contestant tells beyond which pool: below the saturated cell, at it, or above.
    told = fit_demands(ALONE, AMONG_20, 21, durable=True, contention=0.02, contended=contended)
    assert [told.server_s(pool) for pool in (1, 21)] == [pytest.approx(120e-6), pytest.approx(70e-6)]
    assert told.server_s(61) == pytest.approx(told.server.at(61) * (1 + 0.02 * (61 - contended)))


def test_contention_is_none_where_the_cost_did_not_grow() -> None:
    assert fit_contention(fit(), Sample(20_000, 20e-6, 50e-6), 51) == 0.0


@given(st.floats(1e-6, 1e-3), st.floats(1e-6, 1e-3), st.integers(2, 100), st.integers(1, 1000))
def test_a_demand_is_never_below_nothing(alone_s: float, among_s: float, poolsize: int, other: int) -> None:
    made = fit_demands(Sample(1000, alone_s, alone_s), Sample(1000, among_s, among_s), poolsize, durable=True)
    assert made.client_s(other) > 0
    assert made.client_s(1) == pytest.approx(alone_s)
