from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from experiments.analysis.usable_cores import Setup
from experiments.analysis.utilization import Observations
from experiments.analysis.verdict import BUSY_SHARE, FOREIGN_SHARE, WAIT_SHARE, Label, find_verdict

SPLIT = Setup(1, 1)

# What 20 connections look like whose server is busy neither with computing nor with waiting.
CALM = Observations(
    20,
    SPLIT,
    client_share=0.3,
    server_share=0.6,
    run_share=0.45,
    foreign_share=0.01,
    active=0.6,
    idle=0.4,
    idle_in_transaction=0.0,
    commit_wait=0.1,
    other_wait=0.02,
    round_trip=0.05,
    waits={"CPU": 0.48, "IO:WalSync": 0.1, "LWLock:WALInsert": 0.02},
)
# One connection on this machine: the numbers of a durable commit in a millisecond's quarter.
ALONE = replace(CALM, poolsize=1, client_share=0.16, server_share=0.5, commit_wait=0.2, round_trip=0.12)
# Threads under a lock on cores that the server uses, too.
BOTH = replace(CALM, cores=Setup(1, 2, shared_cores=2, at_least=True))
SHARED_QUOTA = replace(CALM, cores=Setup(1, 1, outer_quota=0.5), throttled_share=0.77)
POD = replace(CALM, cores=Setup(1, 1, client_quota=0.25), throttled_share=0.7)


def label(observations: Observations) -> str:
    verdict = find_verdict(observations)
    assert verdict is not None
    return verdict.label


CASES: list[tuple[str, str, Observations]] = [
    ("mixed", "no side is busy", CALM),
    ("mixed", "both sides are busy", replace(CALM, client_share=0.95, server_share=0.97)),
    ("client-bound", "a client at its core's limit", replace(CALM, client_share=0.97)),
    ("client-bound", "a client at its quarter of a core", replace(POD, client_share=0.99)),
    ("client-bound", "one that its quota stops in bursts", replace(POD, client_share=0.8)),
    ("client-bound", "a busy loop with one connection", replace(ALONE, client_share=0.95)),
    ("server-bound", "a server at its limit", replace(CALM, server_share=0.98)),
    ("server-bound", "one whose clients also wait for commits", replace(CALM, server_share=0.98, commit_wait=0.6)),
    ("server-bound", "a trigger that computes, one connection", replace(ALONE, server_share=0.93)),
    ("relay-bound", "a relay at its limit", replace(CALM, relay_cores=0.95)),
    ("relay-bound", "one that fills the server's core", replace(CALM, relay_cores=0.3, server_share=0.7)),
    ("server-bound", "a server beside a relay with little to do", replace(CALM, relay_cores=0.05, server_share=0.95)),
    ("client-bound", "a full client beside a busy relay", replace(CALM, relay_cores=0.95, client_share=0.97)),
    ("commit-bound", "20 that wait for commits", replace(CALM, commit_wait=0.6)),
    ("commit-bound", "one that waits for commits", replace(ALONE, commit_wait=0.7)),
    ("latency-bound", "one after another", ALONE),
    ("latency-bound", "one that has nothing to wait for but the network", replace(ALONE, round_trip=0.8)),
    ("latency-bound", "20 far away", replace(CALM, round_trip=0.8)),
    ("latency-bound", "a server that sleeps", replace(CALM, other_wait=0.9, waits={"Timeout:PgSleep": 0.9})),
    ("latency-bound", "one that sleeps longer than it commits", replace(CALM, other_wait=0.5, commit_wait=0.4)),
    ("host-saturated", "both on the same cores", replace(CALM, cores=Setup(1, 2, shared_cores=2), run_share=0.95)),
    ("host-saturated", "two others on the client's core", replace(CALM, client_share=0.4, foreign_share=0.3)),
    ("host-saturated", "others, and a server near its limit", replace(CALM, server_share=0.7, foreign_share=0.15)),
    ("host-saturated", "others on cores that both use half", replace(BOTH, run_share=0.6, foreign_share=0.35)),
    (
        "server-bound",
        "others, and a server that is full by itself",
        replace(CALM, server_share=0.99, foreign_share=0.3),
    ),
    (
        "client-bound",
        "others, and a client that is full by itself",
        replace(CALM, client_share=0.95, foreign_share=0.3),
    ),
    ("client-bound", "others, and a client that its quota stops", replace(POD, client_share=0.8, foreign_share=0.4)),
    ("mixed", "threads that may have used more than one core", replace(BOTH, client_share=1.1, run_share=0.8)),
    ("commit-bound", "such threads that wait", replace(BOTH, client_share=1.1, run_share=0.8, commit_wait=0.5)),
    (
        "client-bound",
        "such threads at their quota",
        replace(
            BOTH,
            client_share=1.0,
            run_share=0.8,
            throttled_share=0.5,
            cores=replace(BOTH.cores, client_quota=1.0),
        ),
    ),
    # The whole quota: 15% and 35% of a core each.
    (
        "host-saturated",
        "both in a pod of half a core",
        replace(SHARED_QUOTA, client_share=0.15, server_share=0.35, run_share=1.0),
    ),
    (
        "host-saturated",
        "both in a pod that others fill",
        replace(SHARED_QUOTA, client_share=0.1, server_share=0.2, run_share=0.6),
    ),
    (
        "host-saturated",
        "a client within its own quota in a pod that is full",
        replace(SHARED_QUOTA, cores=replace(SHARED_QUOTA.cores, client_quota=0.25), client_share=0.8, run_share=0.7),
    ),
    ("host-saturated", "a quota that an older campaign did not record", replace(CALM, throttled_share=0.77)),
]


@pytest.mark.parametrize(("expected", "_what", "observations"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_constructed_observations_have_the_known_verdict(expected: str, _what: str, observations: Observations) -> None:
    assert label(observations) == expected


def test_every_label_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(get_args(Label))


NOT_YET: list[tuple[str, dict[str, Any]]] = [
    ("client_share", {"client_share": BUSY_SHARE}),
    ("server_share", {"server_share": BUSY_SHARE}),
    ("commit_wait", {"commit_wait": WAIT_SHARE}),
    ("other_wait", {"other_wait": WAIT_SHARE - CALM.round_trip if CALM.round_trip else WAIT_SHARE}),
    ("foreign_share", {"foreign_share": FOREIGN_SHARE, "server_share": 0.8}),
]


@pytest.mark.parametrize(("name", "changes"), NOT_YET, ids=[name for name, _ in NOT_YET])
def test_each_threshold_decides(name: str, changes: dict[str, Any]) -> None:
    assert label(replace(CALM, **changes)) != "mixed"
    assert label(replace(CALM, **{**changes, name: changes[name] - 0.001})) == "mixed"


def test_shared_cores_that_are_not_busy_are_nobody_s_fault() -> None:
    assert label(replace(CALM, cores=Setup(1, 2, shared_cores=2), run_share=0.6)) == "mixed"
    assert label(replace(ALONE, cores=Setup(1, 2, shared_cores=2), run_share=0.4)) == "latency-bound"


def test_others_on_idle_cores_take_no_turn() -> None:
    assert label(replace(ALONE, foreign_share=0.12)) == "latency-bound"


def test_whether_anything_is_busy_is_known_without_looking_at_connections() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("active", "idle", "commit_wait", "other_wait", "round_trip"))
    unseen = replace(CALM, **nothing, waits={})
    assert label(replace(unseen, server_share=0.98)) == "server-bound"
    assert label(replace(unseen, client_share=0.98)) == "client-bound"
    assert find_verdict(unseen) is None
    assert find_verdict(replace(unseen, poolsize=1)) is None


def test_the_numbers_are_those_that_decided_it() -> None:
    verdict = find_verdict(replace(POD, client_share=0.99))
    assert verdict is not None
    assert verdict.numbers == {"client_share": 0.99, "server_share": 0.6, "throttled_share": 0.7, "idle": 0.4}
    waiting = find_verdict(replace(CALM, commit_wait=0.612345))
    assert waiting is not None
    assert next(iter(waiting.numbers.items())) == ("commit_wait", 0.6123)


SENTENCES = {
    "The server is the limit: the client used 30% of the one core it can use; the server 98% of its one core; on "
    "average 12 of its 20 connections were active, 2.0 in IO:WalSync.": replace(CALM, server_share=0.98),
    "Client and server share 0.5 cores by a quota, and used 100% of that: the client used 15% of the one core it can "
    "use; the server 35% of its one core; the quota of 0.5 cores around both stopped the client 77% of the time; on "
    "average 12 of its 20 connections were active, 2.0 in IO:WalSync.": replace(
        SHARED_QUOTA, client_share=0.15, server_share=0.35, run_share=1.0
    ),
    "The client is the limit: the client used 99% of the 0.25 cores it can use, its quota; the server 60% of its one "
    "core; the quota stopped the client 70% of the time; on average 12 of its 20 connections were active, 2.0 in "
    "IO:WalSync.": replace(POD, client_share=0.99),
    "The server is the limit: the client used 30% of the one core it can use; the server 98% of its one core; on "
    "average 12 of its 20 connections were active, 2.0 in IO:WalSync; other processes took 20% of the 2 cores of the "
    "run.": replace(CALM, server_share=0.98, foreign_share=0.2),
    "Waiting for commits is the limit, 60% of the connections' time: the client used 30% of the one core it can use; "
    "the server 86% of its one core; on average 12 of its 20 connections were active, 2.0 in IO:WalSync; the server's "
    "one core could do at most 1.16 times as much.": replace(CALM, server_share=0.86, commit_wait=0.6),
    "No wait is long, and whether the client's lock (GIL) is the limit is not known: the client used 110% of the one "
    "core it can use at least; the server 30% of its 2 cores; on average 12 of its 20 connections were active, 2.0 in "
    "IO:WalSync.": replace(BOTH, client_share=1.1, server_share=0.3, run_share=0.85),
    "Waiting in the server is the limit, 90% of the connections' time: the client used 30% of the one core it can "
    "use; the server 60% of its one core; on average 19 of its 20 connections were active, 18 in Timeout:PgSleep.": (
        replace(CALM, other_wait=0.9, active=0.95, waits={"Timeout:PgSleep": 0.9, "CPU": 0.05})
    ),
    "One connection: client, network and server take turns: the client used 16% of the one core it can use; the "
    "server 50% of its one core; its connection was active 60% of the time, 10% in IO:WalSync.": ALONE,
    "Client and server share 2 cores, and used 95% of that: the client used 30% of the one core it can use; the "
    "server 60% of its 2 cores; on average 0.8 of its 20 connections were active.": replace(
        CALM, cores=Setup(1, 2, shared_cores=2), run_share=0.95, active=0.04, waits={"IO:WalSync": 0.04}
    ),
}


@pytest.mark.parametrize(("sentence", "observations"), SENTENCES.items(), ids=[text[:30] for text in SENTENCES])
def test_the_sentence_says_what_each_side_used_of_which_cores(sentence: str, observations: Observations) -> None:
    verdict = find_verdict(observations)
    assert verdict is not None
    assert verdict.sentence == sentence


BOUNDS = [
    ("the client's one core could do at most 1.25 times", replace(CALM, client_share=0.8)),
    ("the client's 0.25 cores could do at most 1.25 times", replace(POD, client_share=0.8, throttled_share=0.1)),
    ("the 2 cores of both could do at most 1.25 times", replace(BOTH, client_share=0.85, run_share=0.8)),
    ("the server's one core could do at most 50 times", replace(CALM, client_share=0.01, server_share=0.02)),
]


@pytest.mark.parametrize(("said", "observations"), BOUNDS, ids=[said for said, _ in BOUNDS])
def test_a_wait_for_commits_comes_with_what_the_busier_side_could_do_without(
    said: str, observations: Observations
) -> None:
    verdict = find_verdict(replace(observations, commit_wait=0.6))
    assert verdict is not None
    assert verdict.label == "commit-bound"
    assert verdict.sentence.endswith(f"; {said} as much.")


def test_where_nobody_used_any_cpu_time_there_is_no_such_bound() -> None:
    verdict = find_verdict(replace(CALM, commit_wait=0.6, client_share=0.0, server_share=0.0, run_share=0.0))
    assert verdict is not None
    assert "at most" not in verdict.sentence


def test_two_thirds_of_computing_with_one_connection_are_no_wait_for_round_trips() -> None:
    # One connection that commits without waiting: 34% client, 53% server, and what the ledger leaves of the trips.
    verdict = find_verdict(replace(ALONE, client_share=0.34, server_share=0.53, commit_wait=0.0, round_trip=0.13))
    assert verdict is not None
    assert verdict.sentence.startswith("One connection: client, network and server take turns")


def test_a_share_just_under_what_is_busy_is_not_rounded_up_to_it() -> None:
    verdict = find_verdict(replace(CALM, client_share=0.896, server_share=0.94))
    assert verdict is not None
    assert verdict.label == "server-bound"
    assert "the client used just under 90% of the one core" in verdict.sentence


def test_neighbours_of_the_row_saturate_the_cores_of_a_side_that_is_not_full_itself() -> None:
    beside = replace(CALM, cores=Setup(1, 1, neighbours=("server",)))
    verdict = find_verdict(beside)
    assert verdict is not None
    assert verdict.label == "host-saturated"
    assert verdict.sentence.startswith("Busy neighbours take the rest of the server's cores: ")
    assert label(replace(beside, server_share=0.95)) == "server-bound"
