"""Closed queueing network: bounds on its throughput, and exact mean values.

The ``population`` are connections with their workers. They go round through stations, where they queue for a core, and
through a delay without queueing. Demands and delays are seconds per row, throughput is rows per second.

- Bounds: Denning and Buzen 1978, The operational analysis of queueing network models, ACM Computing Surveys 10(3),
  225-261. The utilisation law ``U = X D`` gives ``X <= m / D`` for a station with ``m`` cores. No row takes less than
  its demands and delays, so Little's law gives ``X <= N / (sum D + Z)``.
- Mean values: Reiser and Lavenberg 1980, Mean-value analysis of closed multichain queuing networks, Journal of the ACM
  27(2), 313-322. They are exact for exponential service or processor sharing, and a single class. A station with
  several cores serves at a rate that depends on the rows there, ``a(j) = min(j, m)``:

  ``R(n) = D/m (1 + Q(n-1)) + sum over j < m of j (1/a(j) - 1/m) D p(j-1 | n-1)``,
  ``X(n) = n / (sum of R(n) + Z)``, ``Q(n) = X(n) R(n)``, ``p(j | n) = X(n) D/a(j) p(j-1 | n-1)``.

  The chance of an empty station, ``1 - sum of p(j | n)``, loses all its digits near saturation. It comes from the
  throughput ``Y`` without that station: ``p(0 | n) = p(0 | n-1) X(n) / Y(n)`` (Reiser 1981, Performance Evaluation
  1(1), 7-18). The tests check against normalisation constants in fractions (Buzen 1973, CACM 16(9), 527-531).
  Seidmann's approximation, one fast core and a delay, needs neither, and is up to a fifth too low.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Station:
    """Cores that take rows from one queue; each row needs ``demand_s`` of one core.

    0.25 cores are one slower core. 1.5 cores serve one row at full speed, and several together at 1.5 times that.
    """

    name: str
    demand_s: float
    cores: float = 1.0

    @property
    def most_rows_per_s(self) -> float:
        """Return the rate of a station that never waits: the utilisation law with a utilisation of 1."""
        return self.cores / self.demand_s if self.demand_s else math.inf


@dataclass(frozen=True)
class Network:
    """Stations with distinct names, and the delay of each row besides them."""

    stations: tuple[Station, ...]
    delay_s: float = 0.0

    @property
    def least_s(self) -> float:
        """Return the time of a row that waits for no other: each demand once, on one core, and the delay."""
        return sum(one.demand_s / min(one.cores, 1.0) for one in self.stations) + self.delay_s


@dataclass(frozen=True)
class Bounds:
    """Upper bounds in rows per second: by the cores of each station, and by the number of customers."""

    stations: dict[str, float]
    population: float

    @property
    def lowest(self) -> float:
        """Return the lowest bound."""
        return min(self.population, *self.stations.values())


@dataclass(frozen=True)
class Solution:
    """Mean values in the steady state; ``queues`` are the rows at each station."""

    rows_per_s: float
    queues: dict[str, float]


def find_bounds(network: Network, population: int) -> Bounds:
    """Return the asymptotic bounds (Denning and Buzen 1978)."""
    by_population = population / network.least_s if network.least_s else math.inf
    return Bounds({one.name: one.most_rows_per_s for one in network.stations}, by_population)


def solve(network: Network, population: int) -> Solution:
    """Return the exact mean values for a population of at least 1 (Reiser and Lavenberg 1980).

    Raises ValueError for a network without any demand and delay, as nothing limits it.
    """
    if population < 1 or not network.least_s:
        raise ValueError(f"a population of {population} that takes {network.least_s} s has no steady state")
    rates, queues = _recur(network.stations, network.delay_s, population)
    return Solution(rates[-1], {one.name: queue for one, queue in zip(network.stations, queues, strict=True)})


def rates_up_to(network: Network, population: int) -> list[float]:
    """Return the rows per second of each population from 1 up."""
    return _recur(network.stations, network.delay_s, population)[0]


def _recur(stations: Sequence[Station], delay_s: float, population: int) -> tuple[list[float], list[float]]:
    """Return the throughput for each population from 1 up, and the queues of the last one."""
    # Only a station whose rate depends on its queue needs the distribution of that queue.
    without = {
        place: _recur([*stations[:place], *stations[place + 1 :]], delay_s, population)[0]
        for place, one in enumerate(stations)
        if one.cores > 1
    }
    shares = {place: [1.0] for place in without}
    queues = [0.0] * len(stations)
    rates: list[float] = []
    for n in range(1, population + 1):
        times = [_response_s(one, queues[place], shares.get(place, [])) for place, one in enumerate(stations)]
        total_s = sum(times) + delay_s
        rate = n / total_s if total_s else math.inf
        queues = [_times(rate, time_s) for time_s in times]
        for place, others in without.items():
            shares[place] = _next_shares(stations[place], rate, shares[place], others[n - 1])
        rates.append(rate)
    return rates, queues


def _response_s(station: Station, queue: float, shares: Sequence[float]) -> float:
    """Return the time of a row that finds ``queue`` rows on average, and ``j - 1`` with the j-th of ``shares``."""
    extra = sum(j * (1 / min(j, station.cores) - 1 / station.cores) * p for j, p in enumerate(shares, start=1))
    return station.demand_s * ((1 + queue) / station.cores + extra)


def _next_shares(station: Station, rate: float, shares: Sequence[float], rate_without: float) -> list[float]:
    """Return the probabilities of 0, 1, ... rows while a core is free, with one more customer."""
    if math.isinf(rate):
        return [1.0]
    empty = 0.0 if math.isinf(rate_without) else shares[0] * rate / rate_without
    further = [_times(rate, station.demand_s) / min(j, station.cores) * p for j, p in enumerate(shares, start=1)]
    return [empty, *further][: math.ceil(station.cores) - 1]


def _times(rate: float, time_s: float) -> float:
    """Return the product; 0 for a station that takes no time, at any rate."""
    return rate * time_s if time_s else 0.0
