from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.analysis.queueing.network import Network, Station, find_bounds, solve


def convolve(network: Network, population: int) -> float:
    """Throughput by Buzen's convolution of the stations' factors, exact as far as fractions go."""
    factors = [_factors(Fraction(one.demand_s), Fraction(one.cores), population) for one in network.stations]
    factors.append(_factors(Fraction(network.delay_s), Fraction(population), population))
    constants = [Fraction(1)] + [Fraction(0)] * population
    for factor in factors:
        constants = [
            sum((constants[k] * factor[n - k] for k in range(n + 1)), Fraction(0)) for n in range(population + 1)
        ]
    return float(constants[population - 1] / constants[population])


def _factors(demand: Fraction, cores: Fraction, population: int) -> Sequence[Fraction]:
    factors = [Fraction(1)]
    for rows in range(1, population + 1):
        factors.append(factors[-1] * demand / min(Fraction(rows), cores))
    return factors


def seidmann(network: Network) -> Network:
    """Several cores as one that is as fast as all of them, and a delay (Seidmann, Schweitzer, Shalev-Oren 1987)."""
    stations = [Station(one.name, one.demand_s / one.cores) for one in network.stations]
    delay_s = sum(one.demand_s * (one.cores - 1) / one.cores for one in network.stations)
    return Network(tuple(stations), network.delay_s + delay_s)


demands = st.sampled_from([0.01, 0.1, 0.5, 1.0, 2.0])
networks = st.builds(
    lambda parts, delay_s: Network(tuple(Station(str(n), *part) for n, part in enumerate(parts)), delay_s),
    st.lists(st.tuples(demands, st.sampled_from([0.25, 1, 1, 1.5, 2, 3, 16])), min_size=1, max_size=3),
    st.sampled_from([0.0, 0.0, 0.3, 5.0]),
)


def test_a_machine_repairman_is_that_of_erlang() -> None:
    # M/M/1//3 with a repair of 1 and a life of 2: the chance that all run is 1 / (1 + 3/2 + 6/4 + 6/8) = 4/19.
    solution = solve(Network((Station("repair", 1.0),), delay_s=2.0), 3)
    assert solution.rows_per_s == pytest.approx(15 / 19)
    assert solution.queues["repair"] == pytest.approx(3 - 2 * 15 / 19)


def test_a_machine_repairman_with_two_repairers_is_that_of_erlang() -> None:
    # M/M/2//3: weights 1, 3/2, 3/4 * 2 / 2 ..., so the rate is (w1 + 2 w2 + 2 w3) / (w0 + w1 + w2 + w3).
    weights = [1.0, 3 / 2, 3 / 2 * 2 / 2 / 2, 3 / 2 * 2 / 2 / 2 / 2 / 2]
    busy = weights[1] + 2 * weights[2] + 2 * weights[3]
    solution = solve(Network((Station("repair", 1.0, cores=2),), delay_s=2.0), 3)
    assert solution.rows_per_s == pytest.approx(busy / sum(weights))


@pytest.mark.parametrize(
    ("population", "rate", "queues"),
    [
        (1, 0.100, (0.200, 0.300, 0.100)),
        (2, 0.175, (0.421, 0.684, 0.193)),
        (3, 0.229, (0.651, 1.158, 0.273)),
        (5, 0.290, (1.088, 2.365, 0.388)),
        (20, 0.333, (1.991, 16.177, 0.500)),
    ],
)
def test_a_timesharing_system_is_that_of_the_textbook(
    population: int, rate: float, queues: tuple[float, float, float]
) -> None:
    # Jain, The art of computer systems performance analysis, 1991, example 34.2 and table 34.1: visits times service.
    stations = (Station("cpu", 16 * 0.125), Station("disk a", 10 * 0.3), Station("disk b", 5 * 0.2))
    solution = solve(Network(stations, delay_s=4.0), population)
    assert solution.rows_per_s == pytest.approx(rate, abs=0.0005)
    assert tuple(solution.queues.values()) == pytest.approx(queues, abs=0.0006)


@pytest.mark.parametrize("population", [1, 2, 7, 50])
def test_balanced_stations_without_delay_do_n_of_n_plus_k_less_1(population: int) -> None:
    stations = tuple(Station(str(number), 0.5) for number in range(3))
    assert solve(Network(stations), population).rows_per_s == pytest.approx(2 * population / (population + 2))


def test_one_customer_waits_for_nobody() -> None:
    network = Network((Station("client", 20e-6), Station("server", 60e-6, cores=4)), delay_s=120e-6)
    assert solve(network, 1).rows_per_s == pytest.approx(5000)
    assert find_bounds(network, 1).population == pytest.approx(5000)


def test_very_many_customers_reach_the_lowest_bound() -> None:
    network = Network((Station("client", 20e-6), Station("server", 60e-6, cores=2)), delay_s=1e-3)
    bounds = find_bounds(network, 3000)
    assert bounds.stations == {"client": pytest.approx(50_000), "server": pytest.approx(33_333.333)}
    assert bounds.lowest == bounds.stations["server"]
    assert solve(network, 3000).rows_per_s == pytest.approx(bounds.lowest, rel=1e-9)


def test_part_of_a_core_is_a_slower_one() -> None:
    quarter, slower = Network((Station("client", 1.0, cores=0.25),), 3.0), Network((Station("client", 4.0),), 3.0)
    assert solve(quarter, 9).rows_per_s == pytest.approx(solve(slower, 9).rows_per_s)
    assert quarter.least_s == 7.0


def test_mean_values_guessed_before_the_first_campaign_are_those_of_the_design() -> None:
    # 15 us of client, 52 us of server and 35 us besides: by hand, for 1 and 2 customers.
    network = Network((Station("client", 15.0), Station("server", 52.0)), delay_s=35.0)
    first = 1 / 102
    second = 2 / (15 * (1 + 15 * first) + 52 * (1 + 52 * first) + 35)
    assert solve(network, 2).rows_per_s == pytest.approx(second)


@settings(deadline=None)
@given(networks, st.integers(1, 20))
def test_mean_values_are_those_of_the_normalisation_constants(network: Network, population: int) -> None:
    assert solve(network, population).rows_per_s == pytest.approx(convolve(network, population), rel=1e-12)


def test_near_saturation_many_cores_lose_no_digits() -> None:
    network = Network((Station("client", 0.5), Station("server", 16.1, cores=16)), delay_s=4.0)
    assert solve(network, 120).rows_per_s == pytest.approx(convolve(network, 120), rel=1e-12)


def test_seidmanns_approximation_is_worse_by_far() -> None:
    network = Network((Station("server", 2.0, cores=4), Station("client", 0.5)))
    errors = [abs(solve(seidmann(network), n).rows_per_s / convolve(network, n) - 1) for n in (1, 2, 4, 8, 40)]
    assert errors[0] < 1e-12  # exact for one, and for very many
    assert 0.05 < max(errors) < 0.2
    alone = Network((Station("server", 2.0, cores=4),))
    assert convolve(alone, 4) == 2.0
    assert solve(alone, 4).rows_per_s == pytest.approx(2.0)
    assert solve(seidmann(alone), 4).rows_per_s == pytest.approx(2.0 * 0.794, rel=1e-3)


@settings(deadline=None)
@given(networks, st.integers(1, 40))
def test_throughput_grows_with_the_population_and_stays_below_all_bounds(network: Network, population: int) -> None:
    fewer, more = solve(network, population), solve(network, population + 1)
    assert more.rows_per_s >= fewer.rows_per_s * (1 - 1e-12)
    assert fewer.rows_per_s <= find_bounds(network, population).lowest * (1 + 1e-12)


@settings(deadline=None)
@given(networks, st.integers(1, 40))
def test_all_customers_are_somewhere(network: Network, population: int) -> None:
    solution = solve(network, population)
    assert sum(solution.queues.values()) + solution.rows_per_s * network.delay_s == pytest.approx(population)


def test_a_station_that_takes_no_time_bounds_nothing() -> None:
    network = Network((Station("client", 0.0), Station("server", 0.5, cores=2)))
    assert find_bounds(network, 8).stations["client"] == math.inf
    assert solve(network, 8).rows_per_s == pytest.approx(4.0)


@pytest.mark.parametrize(("network", "population"), [(Network(()), 3), (Network((Station("server", 1.0),)), 0)])
def test_what_nothing_holds_back_or_nobody_uses_has_no_steady_state(network: Network, population: int) -> None:
    with pytest.raises(ValueError, match="no steady state"):
        solve(network, population)
