"""Results of the instruments for one cell; a text is the reason why one has none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.profiling.stacks import Stacks
from experiments.profiling.thread_time import ThreadTime
from experiments.records.record import Record
from experiments.validation.same_sql.statements import same_text, workload_of


@dataclass(frozen=True)
class StatementUse:
    """A statement in ``pg_stat_statements``; ``mean_us`` is its execution without parsing, commit and network."""

    text: str
    calls: int
    mean_us: float


@dataclass(frozen=True)
class Calls:
    """System calls per row or operation, in all and by name; ``tool`` counted them."""

    tool: str
    per_row: float
    by_name: Mapping[str, float]


@dataclass(frozen=True)
class Explanation:
    """Profile of one cell.

    ``record`` is of a run without instruments besides ``pg_stat_statements``, in which the statements were counted.
    ``rows_per_s`` are the rates of those with an instrument, by its name. ``busy`` are the stacks of threads that ran,
    ``gil`` of those that held the GIL. ``lag_s`` is 'p50', 'p95', 'max' of how late the event loop was. ``files`` are
    the files of the profiler by name, ``source`` lines of the loader's code by (file, line).
    """

    label: str
    made_at: str
    runtime: str
    loop: str | None
    modules: tuple[str, ...]
    record: Record
    rows_per_s: Mapping[str, float]
    busy: Stacks | str
    gil: Stacks | str
    threads: ThreadTime | str
    calls: Calls | str
    lag_s: Mapping[str, float] | str
    statements: tuple[StatementUse, ...] | str
    files: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[tuple[str, int], str] = field(default_factory=dict)

    @property
    def has_loop(self) -> bool:
        """True if an event loop runs the workers."""
        return self.loop is not None


def uses_query(database: str) -> str:
    """Return the query for the time of a database's statements, as JSON; to be run in another database."""
    return (
        "SELECT coalesce(json_agg(json_build_object("  # noqa: S608 - own name
        "'text', query, 'calls', calls, 'total_ms', total_exec_time)), '[]') "
        f"FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = '{database}'"
    )


def read_uses(answer: str) -> tuple[StatementUse, ...]:
    """Return the workload's statements in the answer by total time, longest first; each text once."""
    sums: dict[str, tuple[int, float]] = {}
    for row in json.loads(answer):
        text = same_text(row["text"])
        if workload_of(text) is not None or text in ("BEGIN", "COMMIT"):
            calls, total_ms = sums.get(text, (0, 0.0))
            sums[text] = (calls + row["calls"], total_ms + row["total_ms"])
    ordered = sorted(sums.items(), key=lambda item: -item[1][1])
    return tuple(StatementUse(text, calls, total_ms / calls * 1e3) for text, (calls, total_ms) in ordered if calls)


def read_counts(tool: str, text: str) -> dict[str, int]:
    """Return calls by name and as 'all' from ``perf stat -x,`` or ``strace -c``. Raises ValueError without counts."""
    counts = _read_perf(text) if tool == "perf" else _read_strace(text)
    if "all" not in counts:
        raise ValueError(f"{tool} counted nothing")
    return counts


def _read_perf(text: str) -> dict[str, int]:
    counts = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) < 3 or not fields[0].isdigit():
            continue
        name = "all" if fields[2].startswith("raw_syscalls:") else fields[2].removeprefix("syscalls:sys_enter_")
        counts[name] = int(fields[0])
    return counts


def _read_strace(text: str) -> dict[str, int]:
    counts = {}
    for line in text.splitlines():
        fields = line.split()
        # % time, seconds, usecs/call, calls, errors (where there are any), syscall.
        if len(fields) in (5, 6) and fields[3].isdigit():
            counts["all" if fields[-1] == "total" else fields[-1]] = int(fields[3])
    return counts


def per_row(tool: str, more: Mapping[str, int], fewer: Mapping[str, int], units: int) -> Calls:
    """Return the system calls of one of the ``units``, rows or operations, that one of two runs did more."""
    differences = {name: (number - fewer.get(name, 0)) / units for name, number in more.items()}
    total = differences.pop("all")
    return Calls(tool, total, {name: value for name, value in differences.items() if value >= 0.005})


def report_units(report: Mapping[str, Any]) -> int:
    """Return all rows that a run INSERTed, geo records too; of another workload the operations, checked ones too."""
    operations = report["phases"]["data"].get("operations")
    if operations is not None:
        return int(operations + report["work"]["checked"])
    return sum(int(phase["rows"]) for phase in report["phases"].values())
