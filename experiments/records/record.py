"""The record of one attempted run, a line of ``runs.jsonl``.

Names and units are fixed by ``SCHEMA``. A newer schema may add names, so unknown names are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from experiments.matrix.bounds import LEAST_DIVISOR, Amount, Block, Count, Flag, Number, Text
from experiments.matrix.cell import AXES as AXES
from experiments.matrix.cell import Cell as Cell
from experiments.records.facts import NetworkUse
from experiments.records.open_loop import OpenLoop
from experiments.records.reading import SCHEMA as SCHEMA
from experiments.records.reading import (
    Amounts,
    Schema,
    SharedAmount,
    SharedCell,
    SharedCount,
    SharedCounts,
    SharedNumber,
    SharedReport,
    SharedText,
    SharedTexts,
    SignedNumbers,
    read_json,
    share,
)
from experiments.records.redaction import without_paths

Status = Literal["ok", "failed", "timeout", "wrong_work", "unsupported"]
STATUSES: tuple[Status, ...] = get_args(Status)
RUN_STATUSES: tuple[Status, ...] = tuple(status for status in STATUSES if status != "unsupported")
"""The results of a run; ``unsupported`` is a cell without runs."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One timed phase: from all workers connected to the last statement acknowledged. CPU includes child processes.

    The process's control group used up its quota in ``throttled_periods`` of 100 ms and waited ``throttled_s``; null
    without a quota. ``throttling_quota`` is the tightest one of the group and those around it, in cores.
    ``started_s`` and ``ended_s`` are CLOCK_MONOTONIC. ``server_cpu_s`` is of all processes of the server.
    ``run_queue_s`` is the sum of what the client's threads waited for a core, ``server_run_queue_s`` that of the
    server's backends; null where the kernel keeps no account. ``operations`` are those of another workload than
    ``ingest``.
    """

    rows: SharedCount
    wall_s: Amount
    user_s: Amount
    system_s: Amount
    throttled_periods: Count | None = None
    throttled_s: Amount | None = None
    started_s: Amount | None = None
    ended_s: Amount | None = None
    server_cpu_s: Amount | None = None
    throttling_quota: Amount | None = None
    run_queue_s: Number | None = None
    server_run_queue_s: Number | None = None
    operations: Count | None = None

    @property
    def units(self) -> int:
        """Return what rates and costs are of: rows, or the operations of another workload than ``ingest``."""
        return self.rows if self.operations is None else self.operations


def _check_phases(phases: Mapping[str, Phase]) -> Mapping[str, Phase]:
    if "data" not in phases or phases["data"].wall_s < LEAST_DIVISOR:
        raise PydanticCustomError("phases", "expected a phase 'data' that took time")
    return phases


@dataclass(frozen=True, slots=True)
class Client:
    """The loader's process, as it reported itself; ``cpu_s`` is counted from its start. Other nulls were not recorded.

    ``gil_enabled`` is the state at its end, ``free_threaded`` the build, ``gil_requested`` the value of ``PYTHON_GIL``.
    ``optimized_build`` and ``lto`` are null if the interpreter does not say (Debian's), ``jit`` if it has none,
    ``libpq_bundled`` if the driver does without libpq.

    Context switches, ``rows_per_worker`` ('smallest', 'largest') and ``record_latency_s`` ('p50', 'p95', 'p99') are of
    phase ``data``. Latency is the time from taking a record to asking for the next, to within 0.55%.
    """

    python: SharedText
    implementation: SharedText
    gil_enabled: Flag
    optimized_build: Flag | None
    packages: SharedTexts
    libpq: Count | None = None
    voluntary_switches: Count | None = None
    involuntary_switches: Count | None = None
    peak_rss_bytes: Count | None = None
    cpu_s: Amount | None = None
    free_threaded: Flag | None = None
    gil_requested: SharedText | None = None
    lto: Flag | None = None
    jit: Flag | None = None
    switch_interval_s: SharedAmount | None = None
    libpq_bundled: Flag | None = None
    driver_implementation: SharedText | None = None
    rows_per_worker: SharedCounts | None = None
    record_latency_s: Amounts | None = None


@dataclass(frozen=True, slots=True)
class ServerUse:
    """The PostgreSQL that was loaded; ``cpu_s`` is of all its processes while the loader ran."""

    version: SharedText
    settings: SharedTexts
    storage: SharedText
    cpu_s: SharedAmount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Samples of ``pg_stat_activity`` during phase ``data``, as shares of the pool.

    ``active``, ``idle`` and ``idle_in_transaction`` add up to 1, ``waits`` by name ('IO:WalSync'; 'CPU' for none) to
    ``active``. ``samples`` is their number, ``interval_s`` the time between them. ``round_trip_s`` is the time of an
    empty statement before the phases, less the sender's CPU time. ``scheduling`` is 'slice' if the sampler had a short
    time slice. With null it may have sampled only when the server's core was free, so that ``active`` and 'CPU' are too
    low. Older records do not say: it is empty.
    """

    samples: Count
    interval_s: SharedAmount | None = None
    round_trip_s: SharedNumber | None = None
    scheduling: SharedText | None = ""
    active: SharedAmount
    idle: SharedAmount
    idle_in_transaction: SharedAmount
    waits: Amounts


@dataclass(frozen=True, slots=True)
class Work:
    """The work by the server's account; ``transactions`` is the growth of ``xact_commit``, null if unknown.

    ``transactions_expected`` are the fewest and the most of the work asked for; null is no most. ``geo_scans`` and
    ``matrix_scans`` count the scans of the tables that the two SELECTs of a data record read.

    Of another workload than ``ingest`` ``data_records`` are operations, ``checked`` those before the timed ones, and
    ``answers`` the digest of what these returned. ``elements_read`` and ``geo_updated`` are rows that the server read
    and changed.
    """

    digest: SharedText | None
    rows: Count
    transactions: Count | None = None
    geo_records: Count | None = None
    data_records: Count | None = None
    records_read_ahead: Count | None = None
    records_streamed: Count | None = None
    geo_scans: Count | None = None
    matrix_scans: Count | None = None
    transactions_expected: tuple[Count | None, ...] | None = None
    checked: Count | None = None
    answers: SharedText | None = None
    elements_read: Count | None = None
    geo_updated: Count | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """The machine during the run; null where the system does not tell.

    ``steal_s`` is the hypervisor's part, ``foreign_cpu_s`` that of processes of neither loader, server nor harness.
    Both are sums over all ``cores`` within ``observed_s``, from the loader's start to its end. Older records without it
    include the start of the container. ``run_steal_s`` and ``run_foreign_cpu_s`` are of the run's cores alone.
    """

    steal_s: SharedNumber | None = None
    load_1m: SharedNumber | None = None
    foreign_cpu_s: SharedNumber | None = None
    observed_s: SharedNumber | None = None
    cores: Count | None = None
    run_steal_s: SharedNumber | None = None
    run_foreign_cpu_s: SharedNumber | None = None

    @property
    def stolen_s(self) -> float | None:
        """CPU time that the hypervisor kept of the run's cores; older records have only that of all cores."""
        return self.steal_s if self.run_steal_s is None else self.run_steal_s

    @property
    def foreign_s(self) -> float | None:
        """CPU time of foreign processes on the run's cores; older records have only that on all cores."""
        return self.foreign_cpu_s if self.run_foreign_cpu_s is None else self.run_foreign_cpu_s

    @property
    def foreign_elsewhere_s(self) -> float | None:
        """CPU time of foreign processes on the other cores; None in older records."""
        if self.foreign_cpu_s is None or self.run_foreign_cpu_s is None:
            return None
        return self.foreign_cpu_s - self.run_foreign_cpu_s


@dataclass(frozen=True, slots=True)
class Record:
    """One attempted run, identified by ``cell_key``, ``arm``, ``block`` and ``repeat``.

    ``rows_per_s`` and ``cpu_us_per_row`` are of phase ``data``; so are ``operations_per_s`` and
    ``cpu_us_per_operation``, null for the workload ``ingest``. ``wall_s`` is the whole attempt: clearing, loading,
    checking. An ``interrupted`` attempt was ended from outside, and is repeated. ``resumed``: measured by a command
    that resumed the campaign. A cell that cannot run has one record, in block 0; runs are counted from block 1.
    ``repeat`` counts the repetitions of a run within its block (``experiments.analysis.attempts``).
    ``connections`` is null without samples. ``ledger_us_per_row`` are the parts of a worker's time per row or operation
    of phase ``data`` in microseconds, by the names of ``experiments.analysis.time_breakdown``; their sum is the whole.
    ``machine`` is that of a cluster, by its name in the description; null without one.
    """

    campaign: SharedText
    cell_key: SharedText
    arm: Literal["a", "b"]
    block: Block
    order: Count
    started_at: Text
    status: Status
    reason: SharedReport | None
    cell: SharedCell
    rows_per_s: Amount | None = None
    cpu_us_per_row: SharedAmount | None = None
    operations_per_s: Amount | None = None
    cpu_us_per_operation: SharedAmount | None = None
    phases: Annotated[Mapping[Text, Phase], AfterValidator(_check_phases)] | None = None
    client: Client | None = None
    server: ServerUse | None = None
    images: SharedTexts | None = None
    connections: Connections | None = None
    work: Annotated[Work, AfterValidator(share)] | None = None
    host: Host | None = None
    wall_s: SharedAmount | None = None
    interrupted: Flag = False
    resumed: Flag = False
    repeat: Count = 0
    ledger_us_per_row: SignedNumbers | None = None
    machine: SharedText | None = None
    network: NetworkUse | None = None
    open_loop: OpenLoop | None = None
    schema: Schema = SCHEMA

    @property
    def run(self) -> tuple[str, str, int]:
        """Return what identifies the planned run."""
        return (self.cell_key, self.arm, self.block)

    @property
    def rate(self) -> float | None:
        """Return rows per second, or operations of another workload than ``ingest``; None of an open loop."""
        if self.open_loop is not None:
            return None
        return self.rows_per_s if self.operations_per_s is None else self.operations_per_s

    @property
    def cost_us(self) -> float | None:
        """Return the client's CPU time for each of those."""
        return self.cpu_us_per_row if self.cpu_us_per_operation is None else self.cpu_us_per_operation

    @property
    def timed_s(self) -> float:
        """Return the seconds spent inside timed phases."""
        return sum(phase.wall_s for phase in (self.phases or {}).values())


def _check_record(record: Record) -> Record:
    rows = record.phases["data"].rows if record.phases else 1
    if record.status == "ok" and (record.rows_per_s == 0 or not rows):
        raise PydanticCustomError("ok", "expected rows of a run with status 'ok'")
    return record


def to_json_line(record: Record) -> str:
    """Write the record as one line of JSON, without its end and without absolute paths."""
    return json.dumps(to_values(record), ensure_ascii=False)


def to_values(written: Any) -> dict[str, Any]:
    """Return the fields of a dataclass for JSON, the schema first, without absolute paths."""
    values = without_paths(asdict(written))
    return {"schema": values.pop("schema"), **values}


_RECORD = TypeAdapter(Annotated[Record, AfterValidator(_check_record)])


def from_json_line(line: str | bytes, place: str, shared: dict[Any, Any] | None = None) -> Record:
    """Read the record of one line, with parts ``shared`` by lines. Raises BadInput, which names ``place``."""
    return read_json(_RECORD, line.encode() if isinstance(line, str) else line, place, shared)
