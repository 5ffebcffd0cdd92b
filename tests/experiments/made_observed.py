"""Made-up records that somebody observed: what the server used, and what its connections were at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from experiments.analysis.time_breakdown import find_ledger
from experiments.records.facts import Placement
from experiments.records.record import Connections, Record

WAITS = {"CPU": 0.5, "IO:WalSync": 0.15, "LWLock:WALWrite": 0.05}

SPLIT = Placement(frozenset({0}), frozenset({1}))
BOTH = Placement(frozenset({0, 1}), frozenset({0, 1}))


def observed(
    record: Record,
    *,
    server: float = 0.75,
    waits: Mapping[str, float] = WAITS,
    idle_in_transaction: float = 0.0,
    round_trip_s: float | None = 100e-6,
    cores: tuple[float, float] | None = None,
    throttled: float | None = None,
    quota: float | None = None,
    run_queues: tuple[float, float] | None = None,
) -> Record:
    """The record of a run whose server used ``server`` seconds of CPU time per second.

    ``waits`` are shares of the pool; what they leave was idle. ``cores`` are user and system CPU of the client per
    second, where they are to be other than those of the record. ``quota`` is the tightest around the loader.
    ``run_queues`` are seconds that client and backends waited for a core per second.
    """
    assert record.phases is not None
    data = record.phases["data"]
    used = (data.user_s, data.system_s) if cores is None else tuple(share * data.wall_s for share in cores)
    held = None if throttled is None else throttled * data.wall_s
    seen = replace(data, server_cpu_s=server * data.wall_s, user_s=used[0], system_s=used[1], started_s=100.0)
    seen = replace(seen, throttled_s=held, throttling_quota=quota)
    if run_queues is not None:
        waited_s = [share * data.wall_s for share in run_queues]
        seen = replace(seen, run_queue_s=waited_s[0], server_run_queue_s=waited_s[1])
    active = sum(waits.values())
    connections = Connections(
        samples=50,
        interval_s=0.02,
        round_trip_s=round_trip_s,
        active=active,
        idle=1 - active - idle_in_transaction,
        idle_in_transaction=idle_in_transaction,
        waits=dict(waits),
    )
    with_parts = replace(record, phases={**record.phases, "data": seen}, connections=connections)
    return replace(with_parts, ledger_us_per_row=find_ledger(with_parts))
