from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bigdata.registry import LOADERS
from experiments.analysis.time_breakdown import (
    PARTS,
    find_ledger,
    median_ledger,
    round_trips_per_row,
    settle_ledger,
    split_waits,
    worker_count,
)
from experiments.analysis.utilization import observe
from experiments.matrix.cell import Cell
from experiments.records.facts import Placement
from experiments.records.record import Connections, Record, Work
from tests.experiments.made_observed import observed


@pytest.fixture
def seen(make_record: Callable[..., Record]) -> Record:
    """20 workers at 10,000 rows/s: 2,000 us of their time per row."""
    return observed(make_record())


def test_the_parts_are_those_of_the_worker_time_per_row(seen: Record) -> None:
    # 22,200 INSERTs and 200 SELECTs: 1.009 round trips of 100 us per row.
    assert find_ledger(seen) == pytest.approx(
        {
            "client_user": 20.0,
            "client_system": 5.0,
            "server_cpu": 75.0,
            "commit_wait": 400.0,
            "other_wait": 0.0,
            "round_trip": 100.9,
            "queueing": 1399.1,
        },
        abs=0.01,
    )


def test_the_parts_add_up_to_the_worker_time_per_row_and_have_a_fixed_order(seen: Record) -> None:
    ledger = find_ledger(seen)
    assert ledger is not None
    assert tuple(ledger) == tuple(part for part in PARTS if not part.endswith("run_queue"))
    assert sum(ledger.values()) == pytest.approx(2000, abs=0.01)


def test_waits_for_a_core_are_parts_where_the_kernel_tells_them(
    make_record: Callable[..., Record],
) -> None:
    # Per second the client waits for half a second, the backends for 9 s.
    ledger = find_ledger(observed(make_record(), run_queues=(0.5, 9.0)))
    assert ledger is not None
    assert tuple(ledger) == PARTS
    assert (ledger["client_run_queue"], ledger["server_run_queue"]) == (50.0, 900.0)
    assert ledger["queueing"] == pytest.approx(1399.1 - 950, abs=0.01)
    assert sum(ledger.values()) == pytest.approx(2000, abs=0.01)


def test_while_a_loop_waits_for_a_core_so_do_its_idle_connections(
    make_record: Callable[..., Record], uvloop_cell: Cell
) -> None:
    # Of 20 connections 70% are active; 6 wait with the loop for 10% of the time.
    ledger = find_ledger(observed(make_record(uvloop_cell), run_queues=(0.1, 0.0)))
    assert ledger is not None
    whole = sum(ledger.values())
    assert ledger["client_run_queue"] == pytest.approx(whole / 20 * 0.1 * 6)
    # Never more than what is left.
    full = find_ledger(observed(make_record(uvloop_cell), run_queues=(0.9, 15.0)))
    assert full is not None
    assert full["queueing"] >= -0.001 or full["client_run_queue"] == pytest.approx(whole / 20 * 0.9)


def test_what_few_runs_know_of_core_waits_is_not_told(make_record: Callable[..., Record]) -> None:
    known, unknown = observed(make_record(), run_queues=(0.5, 9.0)), observed(make_record())
    assert "server_run_queue" not in (median_ledger([known, unknown, unknown]) or {})
    assert (median_ledger([known, known, unknown]) or {})["server_run_queue"] == 900.0


def test_a_commit_that_waits_for_a_core_is_no_wait_for_the_disk(make_record: Callable[..., Record]) -> None:
    # 60% of the pool's time in a commit, 70% in run queues: of the first only what is left.
    run = observed(make_record(), waits={"LWLock:WALWrite": 0.6}, run_queues=(0.0, 14.0), round_trip_s=0.0)
    ledger = find_ledger(run)
    assert ledger is not None
    settled = settle_ledger(ledger)
    assert settled["server_run_queue"] == 1400.0
    assert settled["commit_wait"] == pytest.approx(2000 - 1400 - 100)
    assert settled["queueing"] == pytest.approx(0.0)


def test_a_median_ledger_has_the_parts_that_some_run_has(make_record: Callable[..., Record]) -> None:
    told = median_ledger(
        [observed(make_record(), run_queues=(0.5, 9.0)), observed(make_record(), run_queues=(0.5, 9.0))]
    )
    assert told is not None
    assert tuple(told) == PARTS
    assert "server_run_queue" not in (median_ledger([observed(make_record())]) or {"server_run_queue": 0.0})


def test_one_connection_has_only_its_own_time(make_record: Callable[..., Record], threaded: Cell) -> None:
    alone = observed(make_record(replace(threaded, poolsize=1), rows_per_s=4_000.0), round_trip_s=20e-6)
    ledger = find_ledger(alone)
    assert ledger is not None
    assert sum(ledger.values()) == pytest.approx(250, abs=0.01)
    assert ledger["commit_wait"] == pytest.approx(50)


def test_a_loader_with_one_connection_has_one_worker_whatever_its_pool(threaded: Cell) -> None:
    assert worker_count(replace(threaded, loader="row_by_row_serial", poolsize=20)) == 1
    assert worker_count(threaded) == 20
    assert worker_count(replace(threaded, loader="of_another_time")) == 20


def test_more_than_the_time_there_is_becomes_a_negative_rest(seen: Record) -> None:
    ledger = find_ledger(observed(seen, waits={"IO:WalSync": 1.0}))
    assert ledger is not None
    assert ledger["queueing"] == pytest.approx(-200.9, abs=0.01)


def test_a_round_trip_cannot_take_longer_than_all(seen: Record) -> None:
    ledger = find_ledger(observed(seen, round_trip_s=1.0))
    assert ledger is not None
    assert ledger["round_trip"] == pytest.approx(2000)


@pytest.mark.parametrize(
    "changes",
    [
        {"connections": None},
        {"phases": None},
        {"phases": {}},
        {"connections": Connections(samples=0, active=0.0, idle=1.0, idle_in_transaction=0.0, waits={})},
    ],
    ids=["nobody looked", "no phases", "no phase data", "no round trip"],
)
def test_without_one_of_the_parts_there_is_no_ledger(seen: Record, changes: dict[str, Any]) -> None:
    assert find_ledger(replace(seen, **changes)) is None


@pytest.mark.parametrize("changes", [{"server_cpu_s": None}, {"rows": 0}, {"wall_s": 0.0}], ids=str)
def test_without_rows_time_or_the_server_s_cpu_there_is_none_either(seen: Record, changes: dict[str, Any]) -> None:
    assert seen.phases is not None
    data = replace(seen.phases["data"], **changes)
    assert find_ledger(replace(seen, phases={"data": data})) is None


@pytest.mark.parametrize(
    "name",
    ["IO:WalSync", "IO:WALSync", "IO:WALWrite", "LWLock:WALWrite", "LWLock:WALWriteLock", "IPC:SyncRep"],
)
def test_waits_for_a_commit_are_known_by_the_names_of_all_versions(name: str) -> None:
    waits = split_waits({"CPU": 0.1, name: 0.4})
    assert (waits.commit, waits.client, waits.other) == (0.4, 0.0, 0.0)


def test_waiting_for_the_client_is_no_wait_of_the_server_s_and_computing_is_none() -> None:
    waits = split_waits({"CPU": 0.3, "Client:ClientRead": 0.25, "Lock:transactionid": 0.125, "Timeout:PgSleep": 0.0625})
    assert (waits.commit, waits.client, waits.other) == (0.0, 0.25, 0.1875)


TRIPS = [
    ({}, 22_400),
    ({"transaction": "per_record"}, 22_600),
    ({"inserts": "executemany"}, 22_400),
    ({"loader": "row_by_row_psycopg_threaded", "protocol": "prepared"}, 22_400),
    ({"loader": "row_by_row_psycopg_threaded", "protocol": "prepared", "inserts": "executemany"}, 300),
    ({"loader": "row_by_row_asyncpg", "loop": "asyncio", "protocol": "prepared"}, 22_400),
    ({"loader": "row_by_row_asyncpg", "loop": "asyncio", "protocol": "extended"}, 44_800),
    ({"loader": "ceiling_copy"}, 1),
    ({"loader": "of_another_time"}, 22_400),
]


@pytest.mark.parametrize(("axes", "trips"), TRIPS, ids=[str(axes) for axes, _ in TRIPS])
def test_a_worker_waits_for_as_many_answers(
    make_record: Callable[..., Record], threaded: Cell, axes: dict[str, Any], trips: int
) -> None:
    record = make_record(replace(threaded, **axes))
    assert round_trips_per_row(record) * 22_200 == pytest.approx(trips)


def test_every_driver_whose_statements_take_several_trips_is_one_of_the_registry_s() -> None:
    from experiments.analysis.time_breakdown import _TRIPS_PER_STATEMENT

    known = {(loader.driver, protocol) for loader in LOADERS.values() for protocol in loader.protocols}
    assert _TRIPS_PER_STATEMENT.keys() <= known


def test_without_the_number_of_records_the_inserts_alone_count(make_record: Callable[..., Record]) -> None:
    assert round_trips_per_row(make_record(work=Work("digest", 22_200))) == 1.0
    assert round_trips_per_row(make_record(work=None)) == 1.0
    assert round_trips_per_row(make_record(phases=None)) == 0.0


def test_the_median_is_of_the_runs_that_count_and_tell(make_record: Callable[..., Record]) -> None:
    runs = [observed(make_record(block=block), server=block / 10) for block in (1, 2, 6)]
    wrong = replace(runs[2], status="wrong_work", block=4)
    ledger = median_ledger([*runs, wrong, make_record(block=5)])
    assert ledger is not None
    assert ledger["server_cpu"] == pytest.approx(20)
    assert median_ledger([make_record(), wrong]) is None


def parts_of(**some: float) -> dict[str, float]:
    return {**dict.fromkeys(PARTS, 0.0), **some}


def test_a_ledger_whose_parts_leave_a_rest_is_settled() -> None:
    parts = parts_of(client_user=30, server_cpu=75, commit_wait=400, other_wait=5, round_trip=100, queueing=1390)
    assert settle_ledger(parts) == parts


SETTLED = [
    # One connection, durable: 27 of 100 us counted twice, most of them what forcing to disk computes.
    (
        parts_of(client_user=9, client_system=4, server_cpu=49, commit_wait=53, round_trip=12, queueing=-27),
        parts_of(client_user=9, client_system=4, server_cpu=49, commit_wait=26, round_trip=12),
    ),
    # Without waiting for the disk it is the round trips.
    (
        parts_of(client_user=34, server_cpu=53, round_trip=34, queueing=-21),
        parts_of(client_user=34, server_cpu=53, round_trip=13),
    ),
    (
        parts_of(server_cpu=60, commit_wait=30, other_wait=50, queueing=-40),
        parts_of(server_cpu=60, commit_wait=30, other_wait=10),
    ),
    # Sampled waits go before those for a core, which many threads and processes had on a busy machine.
    (
        parts_of(server_cpu=40, client_run_queue=20, server_run_queue=30, commit_wait=25, round_trip=9, queueing=-24),
        parts_of(server_cpu=40, client_run_queue=20, server_run_queue=30, commit_wait=1, round_trip=9),
    ),
    (
        parts_of(server_cpu=40, client_run_queue=50, server_run_queue=70, commit_wait=25, queueing=-85),
        parts_of(server_cpu=40, client_run_queue=50, server_run_queue=10),
    ),
    # The processes in the background: CPU time that no worker has.
    (
        parts_of(client_user=30, server_cpu=90, commit_wait=10, round_trip=5, queueing=-35),
        parts_of(client_user=30, server_cpu=90, queueing=-20),
    ),
]


@pytest.mark.parametrize(
    ("measured", "settled"), SETTLED, ids=["commit", "trip", "other", "before cores", "cores", "more CPU"]
)
def test_what_counts_twice_is_taken_off_the_waits_and_the_sum_stays(
    measured: dict[str, float], settled: dict[str, float]
) -> None:
    assert settle_ledger(measured) == pytest.approx(settled)
    assert sum(settled.values()) == pytest.approx(sum(measured.values()))


def test_medians_add_up_to_the_median_worker_time_whichever_run_each_is_of(make_record: Callable[..., Record]) -> None:
    ledgers = [
        parts_of(client_user=10, server_cpu=50, commit_wait=20, queueing=20),
        parts_of(client_user=30, server_cpu=40, commit_wait=60, queueing=70),
        parts_of(client_user=20, server_cpu=90, commit_wait=30, queueing=-10),
    ]
    runs = [replace(make_record(block=n), ledger_us_per_row=one) for n, one in enumerate(ledgers, 1)]
    # The workers' times are 100, 200 and 130; the medians of the parts alone would add up to 120.
    assert median_ledger(runs) == parts_of(client_user=20, server_cpu=50, commit_wait=30, queueing=30)


def test_the_median_is_settled(make_record: Callable[..., Record]) -> None:
    twice = parts_of(client_user=34, server_cpu=53, round_trip=34, queueing=-21)
    run = replace(make_record(), ledger_us_per_row=twice)
    assert median_ledger([run]) == parts_of(client_user=34, server_cpu=53, round_trip=13)


def test_a_ledger_without_a_part_that_all_have_is_none(make_record: Callable[..., Record]) -> None:
    cut = replace(observed(make_record()), ledger_us_per_row={"client_user": 20.0, "queueing": 5.0})
    assert median_ledger([cut]) is None
    seen = observe([cut], Placement(frozenset({0}), frozenset({1})))
    assert seen is not None
    assert seen.round_trip == pytest.approx(0.0505, abs=0.001)
