"""Monitor of one run: server CPU time, host load and connection states."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

from experiments.campaign.monitoring.connections import cut_to_phase, find_shares
from experiments.campaign.monitoring.counters import CounterSampler
from experiments.campaign.monitoring.host import HostMonitor
from experiments.campaign.monitoring.network import UsedNetwork
from experiments.campaign.monitoring.time_slice import Scheduling, find_sampler, shorten_time_slices
from experiments.engines.loader_report import RunFailed, read_report, reported_cpu_s
from experiments.engines.protocol import Companion, Finished, LoaderHost, Server
from experiments.matrix.cell import Cell
from experiments.records.facts import Placement, ServerFacts
from experiments.records.record import SCHEMA, Connections, Host, Phase, Record, ServerUse

SAMPLER = ("sample", "--report", "-")
"""Arguments of the loader's program for the connection sampler."""

WriteSamples = Callable[[Mapping[str, Any]], None]
"""Puts one line of samples on disk."""

# The fields that identify the run in samples.jsonl.
_IDENTITY = ("campaign", "cell_key", "arm", "block", "started_at")


@dataclass(frozen=True)
class Samples:
    """The connection sampler's report, or the reason why there is none; and how it got a core."""

    report: Mapping[str, Any]
    reason: str | None = None
    scheduling: Scheduling | None = None

    @property
    def cpu_s(self) -> float:
        """CPU time of the sampler's process."""
        return float(self.report.get("cpu_s", 0.0))


@dataclass(frozen=True)
class RunMonitor:
    """Observations of one load; ``here``: on the harness's machine. ``samples``: None without a connection sampler."""

    host: HostMonitor
    server_cpu: CounterSampler
    server_waits: CounterSampler | None
    samples: Samples | None
    network: UsedNetwork
    here: bool

    def server_use(self, facts: ServerFacts) -> ServerUse:
        """Return what the server used from the loader's start to its end."""
        return ServerUse(facts.version, facts.settings, facts.storage, round(self.server_cpu.growth, 3))

    def host_load(self, finished: Finished) -> Host | None:
        """Return what the machine did from the loader's start to its end; None for another machine."""
        if not self.here:
            return None
        loader_s = 0.0 if finished.is_child else reported_cpu_s(finished)
        beside_s = self.network.cpu_s + (0.0 if self.samples is None else self.samples.cpu_s)
        return self.host.result(None if loader_s is None else self.server_cpu.growth + loader_s + beside_s)

    def add_server(self, phases: Mapping[str, Phase]) -> dict[str, Phase]:
        """Return the phases with the server's CPU time and its backends' run-queue wait in each."""
        return {name: self._with_server(phase) for name, phase in phases.items()}

    def sampled_connections(
        self, initial: Record, phases: Mapping[str, Phase], round_trip_s: float | None
    ) -> tuple[Connections | None, Mapping[str, Any] | None]:
        """Return the record's ``connections``, and the run's line of ``samples.jsonl``; None for what there is not."""
        if self.samples is None:
            return None, None
        identity = {name: getattr(initial, name) for name in _IDENTITY}
        line: dict[str, Any] = {"schema": SCHEMA, **identity, "reason": self.samples.reason}
        if self.samples.reason is not None:
            return None, line
        try:
            cut = {name: cut_to_phase(self.samples.report, phase) for name, phase in phases.items()}
        except (LookupError, TypeError, ValueError) as error:
            return None, {**line, "reason": f"sample: reported a line that cannot be used: {error!r}"}
        line["phases"] = {name: asdict(one) for name, one in cut.items()}
        return find_shares(cut["data"], round_trip_s, self.samples.scheduling), line

    def _with_server(self, phase: Phase) -> Phase:
        if not self.here or phase.started_s is None or phase.ended_s is None:
            return phase
        counters = (self.server_cpu, self.server_waits)
        grown = [None if one is None else one.between(phase.started_s, phase.ended_s) for one in counters]
        used_s, waited_s = (None if seconds is None else round(seconds, 6) for seconds in grown)
        return replace(phase, server_cpu_s=used_s, server_run_queue_s=waited_s)


def start_sampler(
    cell: Cell, host: LoaderHost, server: Server, placement: Placement
) -> AbstractContextManager[Companion | None]:
    """Return the sampler, which runs on the server's side while it is entered; nothing for a cell without one."""
    return host.beside(SAMPLER, server=server, placement=placement) if cell.sampling == "on" else nullcontext()


def prioritize_sampler(sampler: Companion | None, server: Server) -> Scheduling | None:
    """Await the sampler's connection and shorten the time slices of both its ends; None where that is impossible."""
    return None if sampler is None else shorten_time_slices(find_sampler(sampler.pid, server.pid))


def read_samples(sampler: Companion | None, scheduling: Scheduling | None) -> Samples | None:
    """Return what a sampler that has ended reported; None without a sampler. Its failure fails no run."""
    if sampler is None:
        return None
    if sampler.finished is None:
        return Samples({}, "sample: it was not stopped")
    try:
        return Samples(read_report("sample", sampler.finished, 0.0), scheduling=scheduling)
    except RunFailed as failure:
        return Samples({}, failure.reason)
