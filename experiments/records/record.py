"""The record of one attempted run, a line of ``runs.jsonl``.

Names and units are fixed by ``SCHEMA``. A newer schema may add names, so unknown names are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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

    In ``throttled_periods`` of 100 ms the process had used up its CPU time, and then waited, in all ``throttled_s``:
    null where nothing limits it. ``started_s`` and ``ended_s`` are of the machine's monotonic clock (CLOCK_MONOTONIC),
    which all its processes and containers share. ``server_cpu_s`` is what all processes of the server used meanwhile.
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


@dataclass(frozen=True)
class Client:
    """The loader's process, as it reported itself; ``cpu_s`` is all that it used from its start.

    ``gil_enabled`` is what held at its end, after all imports, ``free_threaded`` how the interpreter was built and
    ``gil_requested`` the value of ``PYTHON_GIL``. ``jit`` is null where the interpreter has none, ``libpq_bundled``
    where the driver does without libpq; else it is true where that came with the driver. What is null without that was
    not recorded then.

    Context switches, ``rows_per_worker`` (of the workers with the fewest, 'smallest', and the most, 'largest') and
    ``record_latency_s`` ('p50', 'p95', 'p99') are of phase ``data``. A record's latency is the time from when a worker
    took it to when that worker asked for the next, to within 0.55%.
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
    """The PostgreSQL that was loaded; ``cpu_s`` is what all its processes used while the loader ran."""

    version: str
    settings: Mapping[str, str]
    storage: str
    cpu_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Connections:
    """What ``pg_stat_activity`` said during phase ``data``, as shares of the pool.

    ``active``, ``idle`` and ``idle_in_transaction`` add up to 1; ``waits`` are those that are active by what they wait
    for ('IO:WalSync'; 'CPU' for nothing), which add up to ``active``. ``samples`` is how often it was asked, every
    ``interval_s`` seconds; ``round_trip_s`` how long an empty statement took before the phases, less the CPU time of
    who sent it. ``scheduling`` is 'slice' where who asked, and its backend, had a short time slice and so a core at
    once (``engines.promptness``), null where not: it may have asked when the server's core was free, and then
    ``active`` and 'CPU' are too low. It is empty in older records, which do not say.
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
    """What the server says was done; ``transactions`` is the growth of ``xact_commit``, null where it is not known.

    ``transactions_expected`` are the fewest and the most that the work asked for takes, null where there is no most.
    ``geo_scans`` and ``matrix_scans``: how often the tables were scanned that the two SELECTs of a data record read.
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

    ``steal_s`` is what the hypervisor kept, ``foreign_cpu_s`` what processes used that belong to neither the loader,
    the server nor the harness, both summed over all ``cores`` of the machine, and both within ``observed_s``: from the
    loader's start to its end. In records without it, which are older, the start of its container was observed, too.
    ``run_steal_s`` and ``run_foreign_cpu_s`` are the same of nothing but the cores that loader and server had; older
    records are without them.
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
    checking. ``interrupted`` marks an attempt that was ended from outside; such a run is done again. A cell that cannot
    run has one record, in block 0 (those that run are counted from 1). ``resumed``: measured by a command that went
    on with a campaign which an earlier one had begun.

    ``connections`` is null where nobody asked. ``ledger_us_per_row`` are the parts of a worker's time per row of phase
    ``data``, in microseconds: ``experiments.analysis.time_breakdown`` has their names; no totals, the sum of the parts
    is the whole.
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
    values = without_paths(asdict(record))
    return json.dumps({"schema": values.pop("schema"), **values}, ensure_ascii=False, separators=(", ", ": "))


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


def _record(values: Mapping[str, Any]) -> Record:
    if values.get("status") not in STATUSES:
        raise TypeError(f"status {values.get('status')!r} is none of {', '.join(STATUSES)}")
    phases = values.get("phases")
    parts = {
        "phases": None if phases is None else {name: known(Phase, phase) for name, phase in phases.items()},
        "client": _optional(Client, values.get("client")),
        "server": _optional(ServerUse, values.get("server")),
        "connections": _optional(Connections, values.get("connections")),
        "work": _optional(Work, values.get("work")),
        "host": _optional(Host, values.get("host")),
    }
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


def _optional(part: type[Part], values: Mapping[str, Any] | None) -> Part | None:
    return None if values is None else known(part, values)
