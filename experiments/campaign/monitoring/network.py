"""Network of a run: what delays the packets between loader and server, and the round trip through it.

``netem`` is the kernel's. Where it has none, a relay stands in, on the server's cores. Its CPU time in phase ``data``
is part of the record, as the relay may be what limits the rate. Between two hosts nothing is delayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from experiments.campaign.monitoring.counters import Reading, find_growth
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.loader_report import RunFailed, read_report
from experiments.engines.protocol import Companion, Launch
from experiments.matrix.network import Network
from experiments.records.facts import HOSTS, NETEM, RELAY, NetworkUse
from experiments.records.record import Phase

START_WITHIN_S = 20.0
"""A busy machine may take seconds to start a relay."""

_NETEM_S = 60.0

Step = Callable[[Sequence[str], "int | None"], Mapping[str, Any]]
"""Runs the loader's program with these arguments, connecting to this port, and returns its report."""


@dataclass
class UsedNetwork:
    """The network of a run; ``by`` is empty for the loopback interface itself, and ``port`` is a relay's."""

    by: str = ""
    asked: Network = field(default_factory=Network)
    port: int | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    """The report of an idle connection."""
    relay: Mapping[str, Any] = field(default_factory=dict)
    """The report of a relay that has ended."""

    @property
    def cpu_s(self) -> float:
        """CPU time of the relay."""
        return float(self.relay.get("cpu_s", 0.0))

    def use(self, phases: Mapping[str, Phase]) -> NetworkUse | None:
        """Return what a record says of it, once the run has ended; None of the loopback interface itself."""
        if not self.by:
            return None
        data, cpu_s = phases.get("data"), None
        readings = [Reading(at_s, value) for at_s, value in self.relay.get("cpu_times", [])]
        if data is not None and data.started_s is not None and data.ended_s is not None:
            cpu_s = find_growth(readings, data.started_s, data.ended_s)
        of_hosts = {name: self.measured[name] for name in ("clock_offset_s", "tls")} if self.by == HOSTS else {}
        return NetworkUse(
            by=self.by,
            rtt_s=self.asked.rtt_s,
            jitter_s=self.asked.jitter_s,
            round_trip_s=self.measured["round_trip_s"],
            relay_cpu_s=None if cpu_s is None else round(cpu_s, 6),
            **of_hosts,
        )


@contextmanager
def connected(prepared: PreparedCell, step: Step) -> Iterator[UsedNetwork]:
    """Have the cell's network between loader and server meanwhile, and measure the round trip through it.

    Raises RunFailed where it cannot be had. A relay's report is complete when this is left.
    """
    if prepared.network is None:
        yield UsedNetwork()
        return
    used = UsedNetwork(prepared.delayed_by, prepared.network)
    delays = {NETEM: _delayed, RELAY: _relayed, HOSTS: _as_it_is}
    with delays[used.by](prepared, used):
        used.measured = step(["round-trip", "--within", f"{START_WITHIN_S:g}"], used.port)
        yield used


def _as_it_is(prepared: PreparedCell, used: UsedNetwork) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def _delayed(prepared: PreparedCell, used: UsedNetwork) -> Iterator[None]:
    """Have the kernel delay all that passes: what else there is, the sampler's statements, only waits."""
    _run_netem(prepared, used.asked)
    try:
        yield
    finally:
        _run_netem(prepared, Network())


def _run_netem(prepared: PreparedCell, network: Network) -> None:
    arguments = ["netem", *_delay_arguments(network)]
    finished = prepared.host.run(Launch(arguments, prepared.server, None, _NETEM_S, network_admin=True))
    read_report("netem", finished, _NETEM_S)


@contextmanager
def _relayed(prepared: PreparedCell, used: UsedNetwork) -> Iterator[None]:
    used.port = prepared.host.free_port()
    arguments = ["relay", "--port", str(used.port), *_delay_arguments(used.asked)]
    with prepared.host.beside(arguments, server=prepared.server, placement=prepared.placement) as relay:
        yield
    used.relay = _read(relay)


def _delay_arguments(network: Network) -> Sequence[str]:
    rtt_ms, jitter_ms = (f"{seconds * 1e3:.6g}" for seconds in (network.rtt_s, network.jitter_s))
    return ["--rtt-ms", rtt_ms, "--jitter-ms", jitter_ms, "--report", "-"]


def _read(relay: Companion) -> Mapping[str, Any]:
    if relay.finished is None:
        raise RunFailed("failed", "relay: it was not stopped")
    return read_report("relay", relay.finished, 0.0)
