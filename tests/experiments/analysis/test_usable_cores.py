from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.usable_cores import Setup, count_cores, find_setup, shares_lock, uses_several_cores
from experiments.matrix.cell import Cell
from experiments.records.facts import Placement
from experiments.records.record import Client, Record

APART = Placement(frozenset({0}), frozenset({1, 2, 3}), loader_quota=0.25, server_quota=1.5)
SHARED = Placement(frozenset({0, 1, 2, 3}), frozenset({1, 2, 3}))


def with_gil(record: Record, *, enabled: bool) -> Record:
    assert isinstance(record.client, Client)
    return replace(record, client=replace(record.client, gil_enabled=enabled))


def test_each_side_has_its_cores_and_no_more_than_its_quota() -> None:
    setup = find_setup(APART, several_cores=True)
    assert setup == Setup(client_cores=1, server_cores=3, client_quota=0.25, server_quota=1.5, run_cores=4)
    assert (setup.client_limit, setup.server_limit, setup.shared) == (0.25, 1.5, False)
    assert count_cores(APART) == 4


def test_what_runs_on_one_core_has_one_of_those_that_both_sides_share() -> None:
    setup = find_setup(SHARED, several_cores=False)
    assert setup == Setup(client_cores=1, server_cores=3, shared_cores=4, run_cores=4)
    assert (setup.client_limit, setup.server_limit, setup.shared) == (1, 3, True)
    assert find_setup(SHARED, several_cores=True).client_limit == 4
    assert count_cores(SHARED) == 4


KINDS = [
    ("row_by_row_threaded", True, (False, True)),
    ("row_by_row_threaded", False, (True, False)),
    ("row_by_row_processes", True, (True, False)),
    ("row_by_row_asyncio", False, (False, False)),
    ("row_by_row_gevent", True, (False, False)),
    ("row_by_row_serial", False, (False, False)),
    ("of_another_time", False, (False, False)),
]


@pytest.mark.parametrize(("loader", "gil", "expected"), KINDS, ids=[f"{name}, GIL {gil}" for name, gil, _ in KINDS])
def test_threads_and_processes_alone_can_use_several_cores_and_a_lock_leaves_it_open(
    make_record: Callable[..., Record], threaded: Cell, loader: str, gil: bool, expected: tuple[bool, bool]
) -> None:
    cell, runs = replace(threaded, loader=loader), [with_gil(make_record(), enabled=gil)]
    assert (uses_several_cores(cell, runs), shares_lock(cell, runs, SHARED)) == expected


def test_one_thread_or_one_core_leaves_nothing_open(make_record: Callable[..., Record], threaded: Cell) -> None:
    runs = [make_record()]
    assert not shares_lock(threaded, runs, APART)
    assert not shares_lock(threaded, runs, replace(SHARED, loader_quota=1))
    assert shares_lock(threaded, runs, replace(SHARED, loader_quota=2))
    assert not shares_lock(replace(threaded, poolsize=1), runs, SHARED)


def test_who_does_not_tell_of_a_lock_has_one(make_record: Callable[..., Record], threaded: Cell) -> None:
    silent = replace(make_record(), client=None)
    free = with_gil(make_record(), enabled=False)
    assert not uses_several_cores(threaded, [silent])
    assert not uses_several_cores(threaded, [free, silent])
    assert not uses_several_cores(threaded, [])
    assert uses_several_cores(threaded, [free, free])
