"""Model of a loader, fitted on two of its cells: one connection, and one side saturated.

- **Demand** of either side per row: ``D(N) = least + shared * 2 / (N + 1)``. Rows that come together share the cost of
  a wake-up or of a flush of the log: on average half of the pool and the row itself. The two cells give both parts.
  The client does the same with every PostgreSQL configuration: its demand is the mean over those with such cells.
  Demands of their own had predicted more rows with durable commits than without, where the client was the limit.
- **Delay**: with one connection nothing queues. The time of a row beyond both demands is delay: the commit, the round
  trip, waking up. With durable commits ``Z(N) = Z(1) * (3 - 2 / N)``: a commit among many waits for the rest of a flush
  under way, for its own, and for the flushing process to get the busy core before and after.
- **Contention**: beyond the saturated pool the server's demand grows with every connection (the linear part of
  Gunther's universal scalability law, Guerrilla Capacity Planning, 2007, chapter 4). One further cell of one loader
  tells it for all loaders of that server. The pool beyond which it grows is that loader's, too.

Both forms were chosen on this project's first four campaigns (pools of 1, 5, 20 and 50 on 2 cores). Only the errors of
later campaigns say how well they predict others (``tests/experiments/test_model_results.py`` holds all to the aim).
With the cell's own costs and a constant delay, exact mean values were 13% to 15% too high in every cell with a pool of
5. That needs a delay of 2.9 to 3.0 times that of one connection. A simulation with one lock on the flush, whose holder
needs the core before and after, was 3% to 8% off.

A quota does not slow a core, it stops it: within each 100 ms the client runs at full speed until the quota is used up.
So it is a bound on the throughput (quota / demand), and no slower station. Cores that both sides share are one station
with the demand of both. A lock that holds the client to one of them is a bound besides, without waiting below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.analysis.queueing.measurements import CLIENT, SERVER, SHARED, Sample
from experiments.analysis.queueing.network import Bounds, Network, Station, find_bounds, solve
from experiments.analysis.usable_cores import Setup

# How many times as long as alone a durable commit takes among very many.
_MOST_COMMIT_WAITS = 3.0


@dataclass(frozen=True)
class Demand:
    """CPU seconds per row: the cost of each row, and the cost shared by rows that come together."""

    least_s: float
    shared_s: float

    def at(self, poolsize: int) -> float:
        """Return the demand of a row among this many connections."""
        return self.least_s + self.shared_s * _part_alone(poolsize)


@dataclass(frozen=True)
class Fit:
    """Parameters of one loader with one server; ``saturated`` is the pool of the saturated cell.

    ``contention`` is the growth of the server's demand with each connection beyond the pool ``contended``.
    """

    client: Demand
    server: Demand
    delay_s: float
    durable: bool
    saturated: int
    contention: float = 0.0
    contended: int = 0

    def client_s(self, poolsize: int) -> float:
        """Return the client's CPU seconds per row."""
        return self.client.at(poolsize)

    def server_s(self, poolsize: int) -> float:
        """Return the server's CPU seconds per row."""
        return self.server.at(poolsize) * _growth(poolsize, self.contention, self.contended)

    def delay_at(self, poolsize: int) -> float:
        """Return the seconds per row without queueing."""
        return self.delay_s * (_MOST_COMMIT_WAITS - (_MOST_COMMIT_WAITS - 1) / poolsize if self.durable else 1.0)


@dataclass(frozen=True)
class Prediction:
    """Predicted rows per second, their bounds, and the demands they follow from."""

    rows_per_s: float
    bounds: Bounds
    client_s: float
    server_s: float
    delay_s: float

    @property
    def limit(self) -> str:
        """Return the station with the lowest bound, or 'pool' if the connections are too few to saturate one."""
        bounds = {**self.bounds.stations, "pool": self.bounds.population}
        return min(bounds, key=lambda name: bounds[name])


def fit_demands(
    alone: Sample,
    saturated: Sample,
    poolsize: int,
    *,
    durable: bool,
    client: Demand | None = None,
    contention: float = 0.0,
    contended: int = 0,
) -> Fit:
    """Fit the parameters, but the contention, to samples with one connection and with ``poolsize`` (above 1).

    ``client`` is the client's demand where it is known from more cells than these.
    """
    client = client or fit_demand(alone.client_s, saturated.client_s, poolsize)
    server = fit_demand(alone.server_s, saturated.server_s / _growth(poolsize, contention, contended), poolsize)
    delay_s = max(0.0, 1 / alone.rows_per_s - client.at(1) - alone.server_s)
    return Fit(client, server, delay_s, durable, poolsize, contention, contended)


def fit_contention(fit: Fit, crowded: Sample, poolsize: int) -> float:
    """Fit the growth per connection, not below 0, to a cell with more connections than the saturated one of ``fit``."""
    expected_s = fit.server.at(poolsize)
    return max(0.0, (crowded.server_s / expected_s - 1) / (poolsize - fit.saturated)) if expected_s else 0.0


def predict(fit: Fit, poolsize: int, setup: Setup, *, extra_delay_s: float = 0.0) -> Prediction:
    """Predict this many connections on these cores, with a further delay of each row."""
    delay_s = fit.delay_at(poolsize) + extra_delay_s
    return predict_from(fit.client_s(poolsize), fit.server_s(poolsize), delay_s, poolsize, setup)


def predict_from(client_s: float, server_s: float, delay_s: float, poolsize: int, setup: Setup) -> Prediction:
    """Predict from demands and delay in seconds per row. Raises ValueError if all are 0."""
    network = find_network(client_s, server_s, delay_s, setup)
    limits = find_limits(client_s, server_s, setup)
    bounds = Bounds(limits, find_bounds(network, poolsize).population)
    rows_per_s = min(solve(network, poolsize).rows_per_s, *limits.values())
    return Prediction(rows_per_s, bounds, client_s, server_s, delay_s)


def find_network(client_s: float, server_s: float, delay_s: float, setup: Setup) -> Network:
    """Return the closed network of these demands and this delay."""
    return Network(tuple(one for one in _stations(client_s, server_s, setup) if one.demand_s), delay_s)


def find_limits(client_s: float, server_s: float, setup: Setup) -> dict[str, float]:
    """Apply the utilisation law to each station and to either side with its quota, in rows per second."""
    limits = {one.name: one.most_rows_per_s for one in _stations(client_s, server_s, setup)}
    demands = {CLIENT: (client_s, setup.client_limit), SERVER: (server_s, setup.server_limit)}
    return {**limits, **{name: limit / demand_s for name, (demand_s, limit) in demands.items() if demand_s}}


def _stations(client_s: float, server_s: float, setup: Setup) -> list[Station]:
    if setup.shared:
        # A free core serves either side: one station with the demand of both.
        return [Station(SHARED, client_s + server_s, setup.shared_cores)]
    return [Station(CLIENT, client_s, setup.client_cores), Station(SERVER, server_s, setup.server_cores)]


def fit_demand(alone_s: float, among_s: float, poolsize: int) -> Demand:
    """Fit a demand to its values with one connection and among ``poolsize`` of them."""
    shared_s = (alone_s - among_s) / (1 - _part_alone(poolsize))
    least_s = alone_s - shared_s
    # Noise can make the cost of a row negative.
    return Demand(least_s, shared_s) if least_s > 0 else Demand(0.0, alone_s)


def _growth(poolsize: int, contention: float, contended: int) -> float:
    """Return the factor by which contention raises the server's demand."""
    return 1 + contention * max(0, poolsize - contended)


def _part_alone(poolsize: int) -> float:
    """Return the part per row of a cost shared by half of the pool and the row itself: 1 for a pool of one."""
    return 2 / (poolsize + 1)
