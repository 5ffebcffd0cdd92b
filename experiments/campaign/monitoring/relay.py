"""Relay of a run: it stands in for a network that is as far away, on the server's cores, and its cost is known.

Its CPU time in phase ``data`` is part of the record, as the relay may be what limits the rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from experiments.campaign.monitoring.counters import Reading, find_growth
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.loader_report import RunFailed, read_report
from experiments.engines.protocol import Companion
from experiments.matrix.spec import Network
from experiments.records.facts import NetworkUse
from experiments.records.record import Phase

START_WITHIN_S = 20.0
"""A busy machine may take seconds to start it."""

Step = Callable[[Sequence[str], "int | None"], Mapping[str, Any]]
"""Runs the loader's program with these arguments, connecting to this port, and returns its report."""


@dataclass
class RelayedNetwork:
    """The network of a run; without a ``port`` there is no relay, and the loader connects to the server itself."""

    asked: Network | None = None
    port: int | None = None
    round_trip_s: float | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        """CPU time of the relay."""
        return float(self.report.get("cpu_s", 0.0))

    def use(self, phases: Mapping[str, Phase]) -> NetworkUse | None:
        """Return what a record says of it, once it has ended; None without a relay."""
        if self.asked is None:
            return None
        data, cpu_s = phases.get("data"), None
        readings = [Reading(at_s, value) for at_s, value in self.report.get("cpu_times", [])]
        if data is not None and data.started_s is not None and data.ended_s is not None:
            cpu_s = find_growth(readings, data.started_s, data.ended_s)
        return NetworkUse(
            by="relay",
            rtt_s=self.asked.rtt_s,
            jitter_s=self.asked.jitter_s,
            round_trip_s=self.round_trip_s,
            relay_cpu_s=None if cpu_s is None else round(cpu_s, 6),
        )


@contextmanager
def relayed(prepared: PreparedCell, step: Step) -> Iterator[RelayedNetwork]:
    """Run a relay meanwhile, and measure the round trip through it; nothing for the loopback interface itself.

    Raises RunFailed if it does not start. Its report is complete when this is left.
    """
    network, server = prepared.network, prepared.server
    if network is None:
        yield RelayedNetwork()
        return
    port = prepared.host.free_port()
    used = RelayedNetwork(network, port)
    with prepared.host.beside(relay_arguments(network, port), server=server, placement=prepared.placement) as relay:
        used.round_trip_s = step(["round-trip", "--within", f"{START_WITHIN_S:g}"], port)["round_trip_s"]
        yield used
    used.report = _read(relay)


def relay_arguments(network: Network, port: int) -> Sequence[str]:
    """Return the command line of the relay."""
    rtt_ms, jitter_ms = (f"{seconds * 1e3:.6g}" for seconds in (network.rtt_s, network.jitter_s))
    return ["relay", "--port", str(port), "--rtt-ms", rtt_ms, "--jitter-ms", jitter_ms, "--report", "-"]


def _read(relay: Companion) -> Mapping[str, Any]:
    if relay.finished is None:
        raise RunFailed("failed", "relay: it was not stopped")
    return read_report("relay", relay.finished, 0.0)
