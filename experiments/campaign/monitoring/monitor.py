"""What is seen of a load from outside while it runs: the server's CPU time, the machine, what connections are at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

from experiments.campaign.monitoring.connections import cut_to_phase, find_shares
from experiments.campaign.monitoring.host import Watch
from experiments.campaign.monitoring.server_cpu import Meter
from experiments.campaign.monitoring.time_slice import Scheduling, find_sampler, make_prompt
from experiments.engines.loader_report import RunFailed, read_report, reported_cpu_s
from experiments.engines.protocol import Companion, Finished, LoaderHost, Server, ServerFacts
from experiments.environment.affinity import Placement
from experiments.matrix.cell import Cell
from experiments.records.record import SCHEMA, Phase, Record, ServerUse

SAMPLER = ("sample", "--report", "-")
"""What the loader's program is asked to do beside a load."""

Keep = Callable[[Mapping[str, Any]], None]
"""Puts one line of samples on disk."""

# What says in samples.jsonl which run it was.
_NAMING = ("campaign", "cell_key", "arm", "block", "started_at")


@dataclass(frozen=True)
class Sampled:
    """What came of the sampler: what it reported, or the reason why that is nothing; and how it got a core."""

    report: Mapping[str, Any]
    reason: str | None = None
    scheduling: Scheduling | None = None

    @property
    def cpu_s(self) -> float:
        """What its process used while it looked."""
        return float(self.report.get("cpu_s", 0.0))


@dataclass(frozen=True)
class Seen:
    """What was seen of one load; ``here``: whether it ran on the machine, and by the clock, of the harness.

    ``sampled`` is None for a load beside which nothing sampled.
    """

    watch: Watch
    meter: Meter
    sampled: Sampled | None
    here: bool

    def note_whole(self, record: Record, finished: Finished, facts: ServerFacts) -> Record:
        """The record with what server and machine did from the loader's start to its end."""
        used = ServerUse(facts.version, facts.settings, facts.storage, round(self.meter.grown, 3))
        loader_s = 0.0 if finished.is_child else reported_cpu_s(finished)
        sampler_s = 0.0 if self.sampled is None else self.sampled.cpu_s
        ours_s = None if loader_s is None else self.meter.grown + loader_s + sampler_s
        return replace(record, server=used, host=self.watch.host(ours_s) if self.here else None)

    def note_phases(self, record: Record, round_trip_s: float | None) -> tuple[Record, Mapping[str, Any] | None]:
        """The record, which has its phases, with what was seen in each; and its line of ``samples.jsonl``.

        There is no line for a load beside which nothing sampled.
        """
        phases = {name: self._with_server(phase) for name, phase in (record.phases or {}).items()}
        record = replace(record, phases=phases)
        if self.sampled is None:
            return record, None
        line = {"schema": SCHEMA, **{name: getattr(record, name) for name in _NAMING}, "reason": self.sampled.reason}
        if self.sampled.reason is not None:
            return record, line
        try:
            seen = {name: cut_to_phase(self.sampled.report, phase) for name, phase in phases.items()}
        except (LookupError, TypeError, ValueError) as error:
            return record, {**line, "reason": f"sample: reported a line that cannot be used: {error!r}"}
        line["phases"] = {name: asdict(one) for name, one in seen.items()}
        shares = find_shares(seen["data"], round_trip_s, self.sampled.scheduling)
        return replace(record, connections=shares), line

    def _with_server(self, phase: Phase) -> Phase:
        if not self.here or phase.started_s is None or phase.ended_s is None:
            return phase
        used_s = self.meter.between(phase.started_s, phase.ended_s)
        return replace(phase, server_cpu_s=None if used_s is None else round(used_s, 6))


def sampler_beside(
    cell: Cell, host: LoaderHost, server: Server, placement: Placement
) -> AbstractContextManager[Companion | None]:
    """The sampler, which runs while this is entered, on the server's side; nothing for a cell that goes without."""
    return host.beside(SAMPLER, server=server, placement=placement) if cell.sampling == "on" else nullcontext()


def make_sampler_prompt(sampler: Companion | None, server: Server) -> Scheduling | None:
    """Await the sampler's connection, and have both its ends get a core at once; None where that cannot be had."""
    return None if sampler is None else make_prompt(find_sampler(sampler.pid, server.pid))


def read_sampled(sampler: Companion | None, scheduling: Scheduling | None) -> Sampled | None:
    """What a sampler left that has ended; None where there was none. That it failed is no reason to fail a run."""
    if sampler is None:
        return None
    if sampler.finished is None:
        return Sampled({}, "sample: it was not stopped")
    try:
        return Sampled(read_report("sample", sampler.finished, 0.0), scheduling=scheduling)
    except RunFailed as trouble:
        return Sampled({}, trouble.reason)
