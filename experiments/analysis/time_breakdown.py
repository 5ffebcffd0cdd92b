"""Time breakdown of a worker per row: the parts of ``Record.ledger_us_per_row``, in microseconds.

A worker computes, or its server process does, or both wait. So the parts of phase ``data`` add up to the time of all
workers per row, ``poolsize x wall / rows``:

- ``client_user``, ``client_system``: CPU time of the loader (getrusage(2)), its reader included.
- ``server_cpu``: CPU time of all processes of the server meanwhile, those in the background included.
- ``commit_wait``: the share of the pool's time in ``COMMIT_WAITS``.
- ``other_wait``: the same for all other waits of ``pg_stat_activity`` but that for the client: a lock, a page, a timer.
- ``round_trip``: the time of an empty statement before the phases, for each statement that is waited for.
- ``client_run_queue``, ``server_run_queue``: the time that the client's threads and the server's backends were ready to
  run and waited for a core, by the kernel's account. Without it that is in ``queueing``. While the only thread of an
  event loop waits for a core, so do all workers whose connection is not active: it counts for each of them, up to what
  is left of the whole.
- ``queueing``: the rest. Waiting for the interpreter's lock or the event loop, and workers without a record.

Some measured time counts twice: the CPU time of forcing to disk is in ``server_cpu`` and ``commit_wait``, that of an
empty statement in ``server_cpu`` and ``round_trip``, and whoever flushes the log may wait for a core in the midst of a
``commit_wait``. Core waits are of all processes and threads, of which some are no workers. So ``queueing`` is too short
by that, and can be below zero. ``settle_ledger`` takes the excess off the waits for what is shown: first off those that
are sampled, last off core waits. CPU time is exact, and stays.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bigdata.registry import INGEST, LOADERS, WORKLOADS
from experiments.analysis.usable_cores import has_one_thread
from experiments.records.record import Cell, Phase, Record

PARTS = (
    *("client_user", "client_system", "client_run_queue", "server_cpu", "server_run_queue"),
    *("commit_wait", "other_wait", "round_trip", "queueing"),
)
"""In the order of the tables and of the chart's bars."""

_FLUSH_WAITS = ("io:walsync", "io:walwrite", "io:walinitsync", "io:walinitwrite")
# All but the first of a group of commits wait for the lock on writing the log.
COMMIT_WAITS = (*_FLUSH_WAITS, "lwlock:walwrite", "lwlock:walwritelock", "ipc:syncrep", "timeout:commitdelay")
"""In lower case, as PostgreSQL 17 writes 'IO:WalSync' and those before it 'IO:WALSync'."""

_OF_ALL = frozenset(PARTS) - {"client_run_queue", "server_run_queue"}
_CPU = ("client_user", "client_system", "server_cpu")
# In the order in which they get what is left of that: by the kernel's account, timed, sampled.
_WAITING = ("client_run_queue", "server_run_queue", "round_trip", "commit_wait", "other_wait")

# What the server waits for while a statement is being sent to it, or taken from it.
_FOR_THE_CLIENT = "client:"
_ON_CPU = "cpu"

# asyncpg without its cache parses a statement and waits for the answer before it sends the values.
_TRIPS_PER_STATEMENT = {("asyncpg", "extended"): 2}


@dataclass(frozen=True)
class Waits:
    """Shares of the pool whose server processes wait: for a commit, for the client, for anything else."""

    commit: float
    client: float
    other: float


def split_waits(waits: Mapping[str, float]) -> Waits:
    """Add up ``connections.waits`` of a record by kind; no wait ('CPU') is in none of them."""
    shares = {"commit": 0.0, "client": 0.0, "other": 0.0}
    for name, share in waits.items():
        folded = name.casefold()
        if folded != _ON_CPU:
            for_client = "client" if folded.startswith(_FOR_THE_CLIENT) else "other"
            shares["commit" if folded in COMMIT_WAITS else for_client] += share
    return Waits(**shares)


def find_ledger(record: Record) -> Mapping[str, float] | None:
    """Return the parts by their names in ``PARTS``, as measured; run queues may be missing, None if another part is.

    Workers limit round trips.
    """
    data = (record.phases or {}).get("data")
    seen = record.connections
    if data is None or data.server_cpu_s is None or seen is None or seen.round_trip_s is None:
        return None
    # In an open loop a worker also waits for its next operation to come.
    if data.units <= 0 or data.wall_s <= 0 or record.open_loop is not None:
        return None
    worker_us = worker_us_per_row(record.cell, data)
    waits = split_waits(seen.waits)
    parts = {
        "client_user": data.user_s / data.units * 1e6,
        "client_system": data.system_s / data.units * 1e6,
        "server_cpu": data.server_cpu_s / data.units * 1e6,
        "commit_wait": waits.commit * worker_us,
        "other_wait": waits.other * worker_us,
        "round_trip": min(seen.round_trip_s * round_trips_per_row(record) * 1e6, worker_us),
    }
    if data.server_run_queue_s is not None:
        parts["server_run_queue"] = data.server_run_queue_s / data.units * 1e6
    if data.run_queue_s is not None:
        parts["client_run_queue"] = waited_us = data.run_queue_s / data.units * 1e6
        if has_one_thread(record.cell):
            idle_workers = worker_count(record.cell) * (1 - seen.active)
            left = worker_us - sum(parts.values())
            parts["client_run_queue"] += min(max(0.0, idle_workers - 1) * waited_us, max(0.0, left))
    parts["queueing"] = worker_us - sum(parts.values())
    return {name: round(parts[name], 3) for name in PARTS if name in parts}


def read_ledger(record: Record) -> Mapping[str, float] | None:
    """Return what the record holds; None without it, or where somebody has left out a part that all have."""
    ledger = record.ledger_us_per_row
    return ledger if ledger is not None and ledger.keys() >= _OF_ALL else None


def settle_ledger(parts: Mapping[str, float]) -> dict[str, float]:
    """Shorten the waits to what CPU time leaves of the whole: core waits come first, sampled ones last.

    A rest below zero is CPU time of the server's background processes, which are no workers.
    """
    settled = dict(parts.items())
    left = sum(settled.values()) - sum(settled.get(name, 0.0) for name in _CPU)
    # Core waits may be unknown.
    for name in (name for name in _WAITING if name in settled):
        settled[name] = min(settled[name], max(left, 0.0))
        left -= settled[name]
    return {**settled, "queueing": left}


def median_ledger(records: Sequence[Record]) -> Mapping[str, float] | None:
    """Return the settled median of each part over the ok runs; ``queueing`` makes them add up to the median time."""
    ledgers = (read_ledger(record) for record in records if record.status == "ok")
    told = [dict(ledger.items()) for ledger in ledgers if ledger]
    if not told:
        return None
    values = {name: [one[name] for one in told if name in one] for name in PARTS}
    # The core waits of a short run are not known.
    parts = {name: statistics.median(some) for name, some in values.items() if 2 * len(some) >= len(told)}
    rest = statistics.median(sum(one.values()) for one in told) - sum(parts.values()) + parts["queueing"]
    return settle_ledger({**parts, "queueing": rest})


def worker_us_per_row(cell: Cell, data: Phase) -> float:
    """Return the time of all workers per row, which the parts add up to."""
    return worker_count(cell) * data.wall_s / data.units * 1e6


def worker_count(cell: Cell) -> int:
    """Return how many connections work at once."""
    loader = LOADERS.get(cell.loader)
    return cell.poolsize if loader is None or loader.concurrent else 1


def round_trips_per_row(record: Record) -> float:
    """Return how often a worker waits for an answer, for each row of phase ``data``.

    A data record has two SELECTs, and as a transaction BEGIN and COMMIT. Each INSERT is a statement, but a pipeline is
    sent as a whole.
    """
    data = (record.phases or {}).get("data")
    cell, records = record.cell, (record.work.data_records or 0) if record.work else 0
    if data is None or not data.units:
        return 0.0
    loader = LOADERS.get(cell.loader)
    each = _TRIPS_PER_STATEMENT.get((loader.driver if loader else "", cell.protocol), 1)
    if cell.workload != INGEST.name:
        giving_back = 0 if loader is None else loader.with_checkout(cell.checkout).operation_transactions
        return WORKLOADS[cell.workload].round_trips * each + giving_back
    if loader is not None and loader.copies:
        return 1 / data.rows
    pipelined = loader is not None and loader.pipelines and cell.inserts == "executemany"
    statements = records * (2 if cell.transaction == "autocommit" else 4) + (records if pipelined else data.rows)
    return statements * each / data.rows
