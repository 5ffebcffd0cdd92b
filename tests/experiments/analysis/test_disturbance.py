from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.disturbance import (
    UsualCost,
    find_disturbances,
    find_load,
    has_outside_cause,
    sum_up_disturbances,
    usual_cost,
)
from experiments.records.facts import Placement
from experiments.records.record import Host, Phase, Record
from tests.experiments.made_observed import BOTH, SPLIT

QUARTER = replace(SPLIT, loader_quota=0.25)


@pytest.fixture
def observed(make_record: Callable[..., Record]) -> Callable[..., Record]:
    """Makes the record of a run that was observed for 2 s of its 2.5 s."""

    def make(**host: Any) -> Record:
        return make_record(host=Host(**{"observed_s": 2.0, **host}), wall_s=2.5)

    return make


@pytest.mark.parametrize(
    ("host", "reasons"),
    [
        ({"steal_s": 0.08, "foreign_cpu_s": 0.3}, ()),
        ({"steal_s": 0.16}, ("4% of the CPU time stolen by the hypervisor",)),
        ({"foreign_cpu_s": 0.8}, ("foreign load of 0.4 cores",)),
        (
            {"steal_s": 0.4, "foreign_cpu_s": 2.4},
            ("10% of the CPU time stolen by the hypervisor", "foreign load of 1.2 cores"),
        ),
        ({"steal_s": None, "foreign_cpu_s": None}, ()),
    ],
)
def test_a_run_is_disturbed_above_a_threshold(
    host: dict[str, float], reasons: tuple[str, ...], observed: Callable[..., Record]
) -> None:
    assert find_disturbances(observed(**host), SPLIT) == reasons


def test_stolen_time_is_of_the_cores_that_the_run_had(observed: Callable[..., Record]) -> None:
    four = Placement(frozenset({0, 1}), frozenset({0, 1, 2, 3}))
    assert find_disturbances(observed(steal_s=0.16), four) == ()
    # Where nobody knows how many those were there is no share.
    assert find_disturbances(observed(steal_s=0.16), None) == ()


def test_a_record_from_before_the_observed_time_was_written_has_that_of_the_attempt(
    observed: Callable[..., Record],
) -> None:
    assert find_disturbances(observed(foreign_cpu_s=0.35, observed_s=None), SPLIT) == ()
    assert find_disturbances(observed(foreign_cpu_s=0.35), SPLIT) == ("foreign load of 0.17 cores",)


def throttled(record: Record, throttled_s: float | None) -> Record:
    return replace(record, phases={"geo": Phase(100, 1.0, 0.1, 0.1), "data": Phase(9, 4.0, 1, 1, 8, throttled_s)})


def test_throttling_disturbs_where_nothing_limits_the_loader(make_record: Callable[..., Record]) -> None:
    record = throttled(make_record(), 0.6)
    assert find_disturbances(record, SPLIT) == ("throttled 12% of the time though the row sets no limit",)
    assert find_disturbances(record, QUARTER) == ()
    assert find_disturbances(throttled(record, 0.1), SPLIT) == ()
    assert find_disturbances(throttled(record, None), SPLIT) == ()


def waiting(record: Record, run_queue_s: float | None) -> Record:
    phases = {"data": Phase(9, 4.0, 1, 1, run_queue_s=run_queue_s)}
    return replace(record, phases=phases, cell=replace(record.cell, loader="row_by_row_asyncio", loop="uvloop"))


def test_a_single_thread_that_waited_for_its_own_core_was_disturbed(make_record: Callable[..., Record]) -> None:
    reason = ("waited 20% of the time for a core of its own",)
    assert find_disturbances(waiting(make_record(), 0.8), SPLIT) == reason
    assert has_outside_cause(waiting(make_record(), 0.8), SPLIT)
    assert find_disturbances(waiting(make_record(), 0.1), SPLIT) == ()
    assert find_disturbances(waiting(make_record(), None), SPLIT) == ()


@pytest.mark.parametrize("placement", [BOTH, QUARTER, replace(SPLIT, loader_neighbours=1)])
def test_a_wait_for_a_core_that_the_row_shares_disturbs_nothing(
    placement: Placement, make_record: Callable[..., Record]
) -> None:
    assert find_disturbances(waiting(make_record(), 0.8), placement) == ()


def test_a_load_on_other_cores_is_no_cause_to_repeat_a_run(observed: Callable[..., Record]) -> None:
    elsewhere = observed(steal_s=0.0, foreign_cpu_s=2.0, run_foreign_cpu_s=0.0, run_steal_s=0.0, cores=4)
    assert find_disturbances(elsewhere, SPLIT) == ("foreign load of 50% of the other cores",)
    assert not has_outside_cause(elsewhere, SPLIT)
    assert find_load(Host(0.0, 1.0, 2.0, 2.0, 4, 0.0, 0.0), 2) is None


def test_of_threads_one_may_wait_while_another_runs(make_record: Callable[..., Record]) -> None:
    threads = replace(waiting(make_record(), 3.0), cell=make_record().cell)
    assert find_disturbances(threads, SPLIT) == ()


def test_slower_cores_are_no_cause_from_outside(make_record: Callable[..., Record]) -> None:
    slow, usual = make_record(), UsualCost(1e-6, 1e-6)
    slow = replace(slow, server=None if slow.server is None else replace(slow.server, cpu_s=5.0))
    assert find_disturbances(slow, SPLIT, usual) != ()
    assert not has_outside_cause(slow, SPLIT)


def test_a_load_before_a_run_is_named_by_the_same_thresholds() -> None:
    assert find_load(Host(steal_s=0.0, foreign_cpu_s=0.45, observed_s=0.5, cores=2), 2) == "foreign load of 0.9 cores"
    assert find_load(Host(steal_s=0.0, foreign_cpu_s=0.01, observed_s=0.5, cores=2), 2) is None
    assert find_load(Host(), 2) is None


def test_a_run_that_nobody_observed_is_not_known_to_be_disturbed(make_failure: Callable[..., Record]) -> None:
    assert find_disturbances(make_failure(), SPLIT) == ()
    assert find_disturbances(make_failure(wall_s=None), None) == ()


def test_several_runs_are_summed_up_by_the_largest_amounts(observed: Callable[..., Record]) -> None:
    runs = [observed(foreign_cpu_s=0.8), observed(foreign_cpu_s=1.0, steal_s=0.16), observed()]
    assert sum_up_disturbances(runs, SPLIT) == (
        "foreign load of up to 0.5 cores, up to 4% of the CPU time stolen by the hypervisor"
    )
    assert sum_up_disturbances([observed()], SPLIT) == ""


@pytest.mark.parametrize(
    ("host", "reasons"),
    [
        # 10 of the machine's 32 cores are busy for others, and robbed: none of the run's.
        ({"steal_s": 0.2, "foreign_cpu_s": 12.0, "run_steal_s": 0.0, "run_foreign_cpu_s": 0.1}, ()),
        (
            {"steal_s": 0.2, "foreign_cpu_s": 12.0, "run_steal_s": 0.2, "run_foreign_cpu_s": 0.8},
            ("5% of the CPU time stolen by the hypervisor", "foreign load of 0.4 cores"),
        ),
        (
            {"steal_s": 0.0, "foreign_cpu_s": 20.0, "run_steal_s": 0.0, "run_foreign_cpu_s": 0.0},
            ("foreign load of 33% of the other cores",),
        ),
    ],
)
def test_what_others_do_on_other_cores_counts_less(
    host: dict[str, float], reasons: tuple[str, ...], observed: Callable[..., Record]
) -> None:
    assert find_disturbances(observed(cores=32, **host), SPLIT) == reasons


def test_a_run_that_has_all_cores_has_no_others(observed: Callable[..., Record]) -> None:
    host = {"steal_s": 0.0, "foreign_cpu_s": 0.1, "run_steal_s": 0.0, "run_foreign_cpu_s": 0.1}
    assert find_disturbances(observed(cores=2, **host), SPLIT) == ()


@pytest.fixture
def costing(make_record: Callable[..., Record]) -> Callable[..., Record]:
    """Makes the record of a run of 100 rows that took so many seconds of CPU time in the client and in the server."""

    def make(client_s: float, server_s: float, **changes: Any) -> Record:
        record = make_record(phases={"data": Phase(100, 4.0, client_s, 0.0)}, host=None, **changes)
        assert record.server is not None
        return replace(record, server=replace(record.server, cpu_s=server_s))

    return make


@pytest.mark.parametrize(
    ("client_s", "server_s", "reasons"),
    [
        (1.3, 2.6, ("slower cores, on which client and server took 1.3 times their usual CPU time",)),
        (3.0, 2.8, ("slower cores, on which client and server took 1.4 times their usual CPU time",)),
        (1.2, 2.4, ()),
        # A client that needs more by itself, or a server that does, is no slow core.
        (3.0, 2.0, ()),
        (1.0, 6.0, ()),
    ],
)
def test_cores_were_slower_where_client_and_server_both_took_more_than_usual(
    client_s: float, server_s: float, reasons: tuple[str, ...], costing: Callable[..., Record]
) -> None:
    usual = usual_cost([costing(factor * 1.0, factor * 2.0) for factor in (0.9, 0.95, 1.0, 1.1, 5.0)])
    assert usual == UsualCost(client_s=0.01, server_s=0.02)
    assert find_disturbances(costing(client_s, server_s), SPLIT, usual) == reasons


def test_four_runs_do_not_say_what_is_usual(costing: Callable[..., Record]) -> None:
    runs = [costing(1.0, 2.0) for _ in range(5)]
    assert usual_cost(runs[:4]) is None
    assert usual_cost([*runs[:4], costing(1.0, 2.0, status="wrong_work")]) is None
    assert usual_cost(runs) is not None


def test_a_run_without_numbers_is_not_held_against_what_is_usual(
    costing: Callable[..., Record], make_failure: Callable[..., Record]
) -> None:
    usual = UsualCost(0.001, 0.001)
    assert find_disturbances(make_failure(status="failed"), SPLIT, usual) == ()
    assert find_disturbances(replace(costing(9.0, 9.0), server=None), SPLIT, usual) == ()
