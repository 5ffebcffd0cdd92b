"""The model's response times against the formulas of queues that have one."""

from __future__ import annotations

import math
from math import factorial

import pytest

from experiments.analysis.queueing.network import Network, Station
from experiments.analysis.queueing.open_loop import mean_response_s


def erlang_c(rate: float, service_s: float, servers: int) -> float:
    """The mean response time of M/M/c."""
    load = rate * service_s
    full = load**servers / factorial(servers) / (1 - load / servers)
    waits = full / (sum(load**k / factorial(k) for k in range(servers)) + full)
    return waits / (servers / service_s - rate) + service_s


@pytest.mark.parametrize("rate", [100.0, 800.0, 950.0])
def test_one_core_is_a_queue_with_one_server_however_many_connections(rate: float) -> None:
    assert mean_response_s(Network((Station("core", 0.001),)), 20, rate) == pytest.approx(1 / (1000 - rate))


@pytest.mark.parametrize("connections", [1, 2, 5])
def test_a_pool_that_only_waits_is_a_queue_with_as_many_servers(connections: int) -> None:
    rate = 900.0 * connections
    assert mean_response_s(Network((), 0.001), connections, rate) == pytest.approx(erlang_c(rate, 0.001, connections))


def test_two_cores_with_many_connections_are_a_queue_with_two_servers() -> None:
    assert mean_response_s(Network((Station("cores", 0.001, 2),)), 50, 1600.0) == pytest.approx(
        erlang_c(1600.0, 0.001, 2)
    )


def test_more_than_the_cores_can_do_takes_for_ever() -> None:
    assert mean_response_s(Network((Station("core", 0.001),)), 20, 1000.0) == math.inf
