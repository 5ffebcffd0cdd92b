from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.usable_cores import Setup
from experiments.analysis.utilization import Observations, median_waits, observe
from experiments.matrix.cell import Cell
from experiments.records.facts import Placement
from experiments.records.record import Client, Host, Record
from tests.experiments.made_observed import BOTH, SPLIT, observed

POD = replace(SPLIT, loader_quota=0.25)


@pytest.fixture
def seen(make_record: Callable[..., Record]) -> Record:
    return observed(make_record(host=Host(0.0, 1.2, 0.4, 4.0, 2, 0.1, 0.3)))


def look(record: Record, placement: Placement | None = None) -> Observations:
    observations = observe([record], SPLIT if placement is None else placement)
    assert observations is not None
    return observations


def test_shares_are_of_the_cores_that_each_side_has(seen: Record) -> None:
    found = look(seen)
    assert found.cores == Setup(1, 1)
    assert (found.client_share, found.server_share, found.run_share) == pytest.approx((0.25, 0.75, 0.5))


def test_a_quota_around_the_run_is_shared_by_both_sides(make_record: Callable[..., Record]) -> None:
    record = observed(make_record(), server=0.35, cores=(0.1, 0.05), throttled=0.77, quota=0.5)
    found = look(record)
    assert (found.cores, found.throttled_share) == (Setup(1, 1, outer_quota=0.5), 0.77)
    assert (found.client_share, found.server_share, found.run_share) == pytest.approx((0.15, 0.35, 1.0))


def test_a_quota_of_the_loaders_own_is_none_around_the_run(make_record: Callable[..., Record]) -> None:
    assert look(observed(make_record(), quota=0.25), POD).cores == Setup(1, 1, client_quota=0.25)
    assert look(observed(make_record(), quota=0.125), POD).cores.outer_quota == 0.125


def test_under_a_lock_the_client_has_one_core_of_those_that_both_share(seen: Record) -> None:
    found = look(seen, BOTH)
    assert found.cores == Setup(1, 2, shared_cores=2, at_least=True)
    assert (found.client_share, found.server_share, found.run_share) == pytest.approx((0.25, 0.375, 0.5))


def test_a_quota_is_all_that_the_client_has(seen: Record) -> None:
    found = look(observed(seen, throttled=0.6), POD)
    assert found.cores == Setup(1, 1, client_quota=0.25)
    assert (found.client_share, found.throttled_share) == pytest.approx((1.0, 0.6))


def test_a_quota_of_the_server_is_all_that_it_has(seen: Record) -> None:
    assert look(seen, replace(SPLIT, server_quota=0.75)).server_share == pytest.approx(1.0)


def test_processes_and_threads_without_a_lock_can_use_all_cores(seen: Record, threaded: Cell) -> None:
    processes = replace(seen, cell=replace(threaded, loader="row_by_row_processes"))
    assert look(processes, BOTH).cores.client_cores == 2
    assert isinstance(seen.client, Client)
    free = replace(seen, client=replace(seen.client, gil_enabled=False))
    assert look(free, BOTH).cores.client_cores == 2
    assert look(replace(free, cell=replace(threaded, loader="row_by_row_asyncio")), BOTH).cores.client_cores == 1


def test_only_of_several_threads_under_a_lock_one_core_is_the_least(seen: Record, threaded: Cell) -> None:
    def at_least(record: Record, placement: Placement, **axes: Any) -> bool:
        return look(replace(record, cell=replace(threaded, **axes)), placement).cores.at_least

    assert isinstance(seen.client, Client)
    free = replace(seen, client=replace(seen.client, gil_enabled=False))
    assert at_least(seen, BOTH)
    assert not at_least(free, BOTH)
    assert not at_least(seen, SPLIT)
    assert not at_least(seen, replace(BOTH, loader_quota=0.25))
    assert not at_least(seen, BOTH, poolsize=1)
    for loader in ("row_by_row_asyncio", "row_by_row_gevent", "row_by_row_serial", "row_by_row_processes"):
        assert not at_least(seen, BOTH, loader=loader)


def test_the_pool_s_time_is_divided_as_the_server_says(seen: Record) -> None:
    found = look(observed(seen, idle_in_transaction=0.1))
    assert (found.active, found.idle, found.idle_in_transaction) == pytest.approx((0.7, 0.2, 0.1))
    assert (found.commit_wait, found.other_wait) == pytest.approx((0.2, 0.0))
    assert found.round_trip == pytest.approx(100.9 / 2000, abs=1e-4)
    assert found.looks == (50, 50, 50)
    assert list(found.waits) == ["CPU", "IO:WalSync", "LWLock:WALWrite"]


def test_a_round_trip_has_no_time_in_which_both_sides_computed(seen: Record, threaded: Cell) -> None:
    # 100 us per row, of which the sides compute 90; what was timed for a round trip is 30 of them.
    alone = replace(seen, cell=replace(threaded, poolsize=1))
    found = look(observed(alone, server=0.55, cores=(0.25, 0.1), waits={"CPU": 0.5}, round_trip_s=30e-6))
    assert found.round_trip == pytest.approx(0.1, abs=1e-3)


def test_what_others_took_is_a_share_of_the_run_s_cores(seen: Record) -> None:
    # 0.1 s stolen and 0.3 s foreign of 2 cores in 4 s.
    assert look(seen).foreign_share == pytest.approx(0.05)
    # Before each core was read, those of all cores.
    assert look(replace(seen, host=Host(0.0, 1.2, 0.4, 4.0, 2))).foreign_share == pytest.approx(0.05)
    assert look(replace(seen, host=Host(None, 1.2, None, 4.0))).foreign_share is None
    assert look(replace(seen, host=None)).foreign_share is None


def test_of_several_runs_it_is_the_median_of_those_that_count(make_record: Callable[..., Record]) -> None:
    runs = [observed(make_record(block=block), server=share) for block, share in ((1, 0.2), (2, 0.3), (3, 0.9))]
    runs.append(replace(runs[2], block=4, status="failed", reason="it did"))
    found = observe([*runs, make_record(block=5)], SPLIT)
    assert found is not None
    assert found.server_share == pytest.approx(0.3)
    assert found.looks == (50, 50, 150)


def test_a_wait_that_only_one_run_of_three_saw_is_none(make_record: Callable[..., Record]) -> None:
    every = [{"CPU": 0.5, "IO:WalSync": 0.2}, {"CPU": 0.6}, {"CPU": 0.4}]
    assert median_waits(every) == {"CPU": 0.5}
    assert median_waits([]) == {}


def test_with_the_server_s_cpu_alone_nothing_is_known_of_the_pool(seen: Record) -> None:
    found = look(replace(seen, connections=None, ledger_us_per_row=None))
    assert found.server_share == pytest.approx(0.75)
    assert (found.active, found.commit_wait, found.round_trip, found.waits) == (None, None, None, {})


def test_a_sampler_that_never_asked_has_seen_nothing(seen: Record) -> None:
    assert seen.connections is not None
    found = look(replace(seen, connections=replace(seen.connections, samples=0)))
    assert (found.active, found.commit_wait, found.waits, found.looks) == (None, None, {}, (0, 0, 0))


def test_old_records_and_cells_without_cores_tell_nothing(make_record: Callable[..., Record], seen: Record) -> None:
    assert observe([make_record()], SPLIT) is None
    assert observe([], SPLIT) is None
    assert observe([seen], None) is None
