"""The record of one attempted run, a line of ``runs.jsonl``.

Names and units are fixed by ``SCHEMA``. A newer schema may add names, so unknown names are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args

from experiments.errors import BadInput
from experiments.matrix.cell import AXES as AXES
from experiments.matrix.cell import Cell as Cell
from experiments.matrix.cell import read_cell
from experiments.records.redaction import without_paths

SCHEMA = 1

Status = Literal["ok", "failed", "timeout", "wrong_work", "unsupported"]
STATUSES: tuple[Status, ...] = get_args(Status)
RUN_STATUSES: tuple[Status, ...] = tuple(status for status in STATUSES if status != "unsupported")
"""The results of a run; ``unsupported`` is a cell without runs."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Phase:
    """One timed phase: from all workers connected to the last statement acknowledged. CPU includes child processes.

    The process's control group used up its quota in ``throttled_periods`` of 100 ms and waited ``throttled_s``; null
    without a quota. ``throttling_quota`` is the tightest one of the group and those around it, in cores.
    ``started_s`` and ``ended_s`` are CLOCK_MONOTONIC. ``server_cpu_s`` is of all processes of the server.
    """

    rows: int
    wall_s: float
    user_s: float
    system_s: float
    throttled_periods: int | None = None
    throttled_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None
    server_cpu_s: float | None = None
    throttling_quota: float | None = None


@dataclass(frozen=True)
class Client:
    """The loader's process, as it reported itself; ``cpu_s`` is counted from its start. Other nulls were not recorded.

    ``gil_enabled`` is the state at its end, ``free_threaded`` the build, ``gil_requested`` the value of ``PYTHON_GIL``.
    ``jit`` is null if the interpreter has none, ``libpq_bundled`` if the driver does without libpq.

    Context switches, ``rows_per_worker`` ('smallest', 'largest') and ``record_latency_s`` ('p50', 'p95', 'p99') are of
    phase ``data``. Latency is the time from taking a record to asking for the next, to within 0.55%.
    """

    python: str
    implementation: str
    gil_enabled: bool
    optimized_build: bool
    packages: Mapping[str, str]
    libpq: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    peak_rss_bytes: int | None = None
    cpu_s: float | None = None
    free_threaded: bool | None = None
    gil_requested: str | None = None
    lto: bool | None = None
    jit: bool | None = None
    switch_interval_s: float | None = None
    libpq_bundled: bool | None = None
    driver_implementation: str | None = None
    rows_per_worker: Mapping[str, int] | None = None
    record_latency_s: Mapping[str, float] | None = None


@dataclass(frozen=True)
class ServerUse:
    """The PostgreSQL that was loaded; ``cpu_s`` is of all its processes while the loader ran."""

    version: str
    settings: Mapping[str, str]
    storage: str
    cpu_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Connections:
    """Samples of ``pg_stat_activity`` during phase ``data``, as shares of the pool.

    ``active``, ``idle`` and ``idle_in_transaction`` add up to 1, ``waits`` by name ('IO:WalSync'; 'CPU' for none) to
    ``active``. ``samples`` is their number, ``interval_s`` the time between them. ``round_trip_s`` is the time of an
    empty statement before the phases, less the sender's CPU time. ``scheduling`` is 'slice' if the sampler had a short
    time slice. With null it may have sampled only when the server's core was free, so that ``active`` and 'CPU' are too
    low. Older records do not say: it is empty.
    """

    samples: int
    interval_s: float | None = None
    round_trip_s: float | None = None
    scheduling: str | None = ""
    active: float
    idle: float
    idle_in_transaction: float
    waits: Mapping[str, float]


@dataclass(frozen=True)
class Work:
    """The work by the server's account; ``transactions`` is the growth of ``xact_commit``, null if unknown.

    ``transactions_expected`` are the fewest and the most of the work asked for; null is no most. ``geo_scans`` and
    ``matrix_scans`` count the scans of the tables that the two SELECTs of a data record read.
    """

    digest: str | None
    rows: int
    transactions: int | None = None
    geo_records: int | None = None
    data_records: int | None = None
    records_read_ahead: int | None = None
    records_streamed: int | None = None
    geo_scans: int | None = None
    matrix_scans: int | None = None
    transactions_expected: Sequence[int | None] | None = None


@dataclass(frozen=True)
class Host:
    """The machine during the run; null where the system does not tell.

    ``steal_s`` is the hypervisor's part, ``foreign_cpu_s`` that of processes of neither loader, server nor harness.
    Both are sums over all ``cores`` within ``observed_s``, from the loader's start to its end. Older records without it
    include the start of the container. ``run_steal_s`` and ``run_foreign_cpu_s`` are of the run's cores alone.
    """

    steal_s: float | None = None
    load_1m: float | None = None
    foreign_cpu_s: float | None = None
    observed_s: float | None = None
    cores: int | None = None
    run_steal_s: float | None = None
    run_foreign_cpu_s: float | None = None

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


@dataclass(frozen=True)
class Record:
    """One attempted run, identified by ``cell_key``, ``arm`` and ``block``.

    ``rows_per_s`` and ``cpu_us_per_row`` are of phase ``data``. ``wall_s`` is the whole attempt: clearing, loading,
    checking. An ``interrupted`` attempt was ended from outside, and is repeated. ``resumed``: measured by a command
    that resumed the campaign. A cell that cannot run has one record, in block 0; runs are counted from block 1.

    ``connections`` is null without samples. ``ledger_us_per_row`` are the parts of a worker's time per row of phase
    ``data`` in microseconds, by the names of ``experiments.analysis.time_breakdown``; their sum is the whole.
    """

    campaign: str
    cell_key: str
    arm: str
    block: int
    order: int
    started_at: str
    status: Status
    reason: str | None
    cell: Cell
    rows_per_s: float | None = None
    cpu_us_per_row: float | None = None
    phases: Mapping[str, Phase] | None = None
    client: Client | None = None
    server: ServerUse | None = None
    images: Mapping[str, str] | None = None
    connections: Connections | None = None
    work: Work | None = None
    host: Host | None = None
    wall_s: float | None = None
    interrupted: bool = False
    resumed: bool = False
    ledger_us_per_row: Mapping[str, float] | None = None
    schema: int = SCHEMA

    @property
    def run(self) -> tuple[str, str, int]:
        """Return what identifies the attempted run."""
        return (self.cell_key, self.arm, self.block)

    @property
    def timed_s(self) -> float:
        """Return the seconds spent inside timed phases."""
        return sum(phase.wall_s for phase in (self.phases or {}).values())


def to_json_line(record: Record) -> str:
    """Write the record as one line of JSON, without its end and without absolute paths."""
    return json.dumps(to_values(record), ensure_ascii=False)


def to_values(written: Any) -> dict[str, Any]:
    """Return the fields of a dataclass for JSON, the schema first, without absolute paths."""
    values = without_paths(asdict(written))
    return {"schema": values.pop("schema"), **values}


def from_json_line(line: str, place: str) -> Record:
    """Read the record of one line. Raises BadInput, which names ``place``, for any other line."""
    try:
        values = json.loads(line)
    except ValueError as error:
        raise BadInput(f"{place}: not a line of JSON ({error}); the file has been edited or damaged") from error
    if not isinstance(values, dict):
        raise BadInput(f"{place}: found {line[:40]!r}, where a record (a JSON object) is expected")
    check_schema(values, place)
    try:
        return _record(values)
    except (TypeError, AttributeError) as error:
        raise BadInput(f"{place}: not a whole record of schema {SCHEMA}: {error}") from error


def check_schema(values: Mapping[str, Any], place: str) -> None:
    """Raise BadInput where ``values`` were written by a newer version of this program, or by something else."""
    schema = values.get("schema")
    if not isinstance(schema, int):
        raise BadInput(f"{place}: found no schema number; expected the schema number {SCHEMA}")
    if schema > SCHEMA:
        raise BadInput(
            f"{place}: written with schema {schema}, and this version reads up to {SCHEMA}; "
            "update this checkout to read these results"
        )


_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "phases": lambda phases: {name: known(Phase, phase) for name, phase in phases.items()},
    "client": lambda values: known(Client, values),
    "server": lambda values: known(ServerUse, values),
    "connections": lambda values: known(Connections, values),
    "work": lambda values: known(Work, values),
    "host": lambda values: known(Host, values),
}


def _record(values: Mapping[str, Any]) -> Record:
    if values.get("status") not in STATUSES:
        raise TypeError(f"status {values.get('status')!r} is none of {', '.join(STATUSES)}")
    parts = {name: read(values[name]) for name, read in _PARTS.items() if values.get(name) is not None}
    # A missing cell is refused below, with all that is missing.
    cell = {"cell": read_cell(values["cell"])} if "cell" in values else {}
    return known(Record, {**values, **parts, **cell})


@cache
def _field_names(part: type[Any]) -> frozenset[str]:
    return frozenset(item.name for item in fields(part))


def known(part: type[Part], values: Mapping[str, Any]) -> Part:
    """Make an instance of the dataclass from those ``values`` that it knows; TypeError where one is missing."""
    names = _field_names(cast(Any, part))
    return part(**{name: value for name, value in values.items() if name in names})
