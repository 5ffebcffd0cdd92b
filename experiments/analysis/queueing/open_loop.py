"""Response times of open loops by the model, beside the measured ones.

Arrivals by a Poisson process queue for a connection, and the connections are the closed network of ``model``. Where
``j`` operations are in it, it does ``X(j)`` of them per second (mean value analysis), and with all ``N`` connections in
use ``X(N)``, however many wait. Such a chain (a flow-equivalent server: Chandy, Herzog and Woo 1975, IBM Journal of
Research and Development 19(1), 36-42) has ``j`` operations with a probability in proportion to the product of
``rate / X(i)``, and Little's law gives the mean time of each.

Costs are those that were measured in each cell. The delay, which no account has, comes from the lowest load of a
loader; its other loads test the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.analysis.attempts import counting_runs, placement_of
from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.queueing.fit import find_network
from experiments.analysis.queueing.network import Network, rates_up_to
from experiments.analysis.response_times import ResponseTimes, find_response_times
from experiments.analysis.stats import median_of_known
from experiments.analysis.usable_cores import Setup, find_setup, uses_several_cores
from experiments.records.campaign import Campaign
from experiments.records.description import ShownCell
from experiments.records.record import Record

_LONGEST_DELAY_S = 100.0
_STEPS = 60


@dataclass(frozen=True)
class OpenCell:
    """An open loop with its mean response time, measured and predicted in seconds.

    ``fitted``: the delay comes from it. The prediction is infinite where the costs leave no room for the rate.
    """

    shown: ShownCell
    offered: float
    measured_s: float
    predicted_s: float
    fitted: bool

    @property
    def error(self) -> float:
        """Return the relative error: above 0 the prediction is too high."""
        return self.predicted_s / self.measured_s - 1


@dataclass(frozen=True)
class _Measured:
    shown: ShownCell
    times: ResponseTimes
    mean_s: float
    client_s: float
    server_s: float
    setup: Setup

    def predict(self, delay_s: float) -> float:
        """Return the mean response time with this delay."""
        network = find_network(self.client_s, self.server_s, delay_s, self.setup)
        return mean_response_s(network, self.shown.cell.poolsize, self.times.offered)


def model_responses(campaign: Campaign) -> tuple[OpenCell, ...]:
    """Return the open loops that are not saturated, each loader's from the lowest load to the highest."""
    loaders: dict[tuple[object, ...], list[_Measured]] = {}
    for shown in campaign.description.cells:
        if shown.cell.is_open and shown.arm == "a" and not (shown.unsupported or is_ceiling(shown.cell)):
            axes = tuple(value for axis, value in shown.cell.axes().items() if axis != "arrivals")
            if (measured := _measure(campaign, shown)) is not None:
                loaders.setdefault(axes, []).append(measured)
    ordered = [sorted(some, key=lambda one: one.times.offered) for some in loaders.values()]
    delays = [_fit_delay(some[0]) for some in ordered]
    return tuple(
        OpenCell(one.shown, one.times.offered, one.mean_s, one.predict(delay_s), one is some[0])
        for some, delay_s in zip(ordered, delays, strict=True)
        for one in some
    )


def mean_response_s(network: Network, population: int, rate: float) -> float:
    """Return the mean time of an operation from its arrival, of so many per second; infinite if they are too many."""
    rates = rates_up_to(network, population)
    if rate >= rates[-1]:
        return math.inf
    weight = total = 1.0
    operations = 0.0
    for number, most in enumerate(rates, start=1):
        weight *= rate / most
        total += weight
        operations += number * weight
    # Beyond the last connection a geometric series: each of them with one more that waits.
    ratio = rate / rates[-1]
    beyond = weight * ratio / (1 - ratio)
    operations += beyond * (population + 1 / (1 - ratio))
    return operations / (total + beyond) / rate


def _measure(campaign: Campaign, shown: ShownCell) -> _Measured | None:
    placement = placement_of(campaign, shown)
    runs = [record for record in counting_runs(campaign, shown) if record.status == "ok"]
    times = find_response_times(runs)
    client_us, server_s = median_of_known(run.cost_us for run in runs), median_of_known(map(_server_s, runs))
    if placement is None or times is None or times.mean_s is None or client_us is None or server_s is None:
        return None
    setup = find_setup(placement, several_cores=uses_several_cores(shown.cell, runs))
    return _Measured(shown, times, times.mean_s, client_us / 1e6, server_s, setup)


def _server_s(record: Record) -> float | None:
    data = record.phases["data"] if record.phases else None
    return None if data is None or data.server_cpu_s is None or not data.units else data.server_cpu_s / data.units


def _fit_delay(lowest: _Measured) -> float:
    """Return the delay in seconds with which the prediction is what was measured; 0 if it is too high without any."""
    low, high = 0.0, _LONGEST_DELAY_S
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if lowest.predict(middle) < lowest.mean_s else (low, middle)
    return low
