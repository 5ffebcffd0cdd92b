"""Utilization of a cell: shares of the cores that each side has, and of the time of its connections."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.analysis.stats import median_of_known
from experiments.analysis.time_breakdown import (
    find_ledger,
    read_ledger,
    settle_ledger,
    split_waits,
    worker_count,
    worker_us_per_row,
)
from experiments.analysis.usable_cores import Setup, find_setup, shares_lock, uses_several_cores
from experiments.records.facts import Placement
from experiments.records.record import Host, Phase, Record


@dataclass(frozen=True)
class Observations:
    """Medians of the runs that count, all of phase ``data``; None is what nobody observed.

    ``client_share`` and ``server_share`` are CPU time per time and core that the side can use, ``run_share`` that of
    both per core that the run can use. ``foreign_share`` is the part of other processes and the hypervisor,
    ``throttled_share`` the part of the time in which the client had used up its quota, or a quota around the run.
    ``relay_cores`` are CPU time per time of a relay that delays what passes.

    The others are shares of the pool's time: states and ``waits`` of ``pg_stat_activity``, CPU time and waits for a
    core included, and ``commit_wait``, ``other_wait`` and ``round_trip`` of the settled ledger: where the kernel tells
    how long backends waited for a core, that is no wait for the disk. ``looks`` counts the samples of the connections:
    the fewest and the most in a run, and all.
    """

    poolsize: int
    cores: Setup
    client_share: float
    server_share: float
    run_share: float
    foreign_share: float | None = None
    throttled_share: float | None = None
    relay_cores: float | None = None
    active: float | None = None
    idle: float | None = None
    idle_in_transaction: float | None = None
    commit_wait: float | None = None
    other_wait: float | None = None
    round_trip: float | None = None
    waits: Mapping[str, float] = field(default_factory=dict)
    looks: tuple[int, int, int] = (0, 0, 0)


def observe(records: Sequence[Record], placement: Placement | None) -> Observations | None:
    """Take the medians of the ok runs of one cell; None if none has the server's CPU time.

    ``placement`` is the part of the cell's ``resources``.
    """
    told = [record for record in records if record.status == "ok" and _server_cpu_s(record) is not None]
    if not told or placement is None:
        return None
    cell = told[0].cell
    cores = find_setup(placement, several_cores=uses_several_cores(cell, told))
    data = [_data(record) for record in told]
    quota = median_of_known(phase.throttling_quota for phase in data)
    outer = None if quota is None or quota >= (placement.loader_quota or math.inf) else quota
    cores = replace(cores, at_least=shares_lock(cell, told, placement), outer_quota=outer)
    clients = [(phase.user_s + phase.system_s) / phase.wall_s for phase in data]
    servers = [(phase.server_cpu_s or 0.0) / phase.wall_s for phase in data]
    both = [client + server for client, server in zip(clients, servers, strict=True)]
    return Observations(
        poolsize=worker_count(cell),
        cores=cores,
        client_share=statistics.median(clients) / cores.client_limit,
        server_share=statistics.median(servers) / cores.server_limit,
        run_share=statistics.median(both) / cores.run_limit,
        foreign_share=median_of_known(find_foreign_share(record.host, cores.run_cores) for record in told),
        throttled_share=median_of_known(None if p.throttled_s is None else p.throttled_s / p.wall_s for p in data),
        relay_cores=median_of_known(_relay_cores(record) for record in told),
        **_of_the_pool(told),
    )


def _of_the_pool(records: Sequence[Record]) -> dict[str, Any]:
    """Return the fields that are shares of the pool's time."""
    seen = [record for record in records if record.connections and record.connections.samples]
    every = [record.connections for record in seen if record.connections]
    split = [split_waits(one.waits) for one in every]
    looks = [one.samples for one in every]
    states = ("active", "idle", "idle_in_transaction")
    return {
        **{state: median_of_known(getattr(one, state) for one in every) for state in states},
        "commit_wait": median_of_known(waits.commit for waits in split),
        "other_wait": median_of_known(waits.other for waits in split),
        **_of_ledgers([settled for record in seen if (settled := _settle(record)) is not None]),
        "waits": median_waits([one.waits for one in every]),
        "looks": (min(looks), max(looks), sum(looks)) if looks else (0, 0, 0),
    }


def median_waits(waits: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median share of each wait, the longest first; a run without it counts as 0."""
    counts = Counter(name for one in waits for name in one)
    # The median of any other wait is 0.
    usual = [name for name, number in counts.items() if 2 * number >= len(waits)]
    medians = {name: statistics.median(one.get(name, 0.0) for one in waits) for name in usual}
    return dict(sorted(((n, share) for n, share in medians.items() if share > 0), key=lambda pair: (-pair[1], pair[0])))


def _relay_cores(record: Record) -> float | None:
    used_s = None if record.network is None else record.network.relay_cpu_s
    return None if used_s is None else used_s / _data(record).wall_s


def _data(record: Record) -> Phase:
    return (record.phases or {})["data"]


def _server_cpu_s(record: Record) -> float | None:
    data = (record.phases or {}).get("data")
    return data.server_cpu_s if data is not None and data.units > 0 and data.wall_s > 0 else None


def _of_ledgers(settled: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    """Return the shares of round trips and, as far as the waits for a core are known, of both waits without those."""
    told = [one for one in settled if "server_run_queue" in one]
    waits = ("commit_wait", "other_wait") if told else ()
    trips = median_of_known(one["round_trip"] for one in settled)
    return {"round_trip": trips, **{wait: statistics.median(one[wait] for one in told) for wait in waits}}


def _settle(record: Record) -> dict[str, float] | None:
    """Return the settled ledger of a run as shares of the pool's time; None without one."""
    ledger = read_ledger(record) or find_ledger(record)
    if ledger is None:
        return None
    whole_us = worker_us_per_row(record.cell, _data(record))
    return {part: us / whole_us for part, us in settle_ledger(ledger).items()}


def find_foreign_share(host: Host | None, cores: int) -> float | None:
    """Return the share of the run's cores that others took; None where the system does not tell."""
    if host is None or not host.observed_s or host.stolen_s is None or host.foreign_s is None:
        return None
    return (host.stolen_s + host.foreign_s) / (host.observed_s * cores)
