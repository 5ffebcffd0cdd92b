from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from experiments.observations import Cores, Observations
from experiments.verdict import BUSY_SHARE, FOREIGN_SHARE, WAIT_SHARE, Label, find_verdict

SPLIT = Cores(client=1, server=1, run=2)

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
POD = replace(CALM, cores=Cores(0.25, 1, 2, client_quota=0.25), throttled_share=0.7)


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
    ("commit-bound", "20 that wait for commits", replace(CALM, commit_wait=0.6)),
    ("commit-bound", "one that waits for commits", replace(ALONE, commit_wait=0.7)),
    ("latency-bound", "one after another", ALONE),
    ("latency-bound", "one that has nothing to wait for but the network", replace(ALONE, round_trip=0.8)),
    ("latency-bound", "20 far away", replace(CALM, round_trip=0.8)),
    ("latency-bound", "a server that sleeps", replace(CALM, other_wait=0.9, waits={"Timeout:PgSleep": 0.9})),
    ("latency-bound", "one that sleeps longer than it commits", replace(CALM, other_wait=0.5, commit_wait=0.4)),
    ("host-saturated", "both on the same cores", replace(CALM, cores=Cores(1, 2, 2, shared=True), run_share=0.95)),
    ("host-saturated", "two others on the client's core", replace(CALM, client_share=0.4, foreign_share=0.3)),
    ("host-saturated", "others, and a busy server", replace(CALM, server_share=0.99, foreign_share=0.2)),
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
    assert label(replace(CALM, cores=Cores(1, 2, 2, shared=True), run_share=0.6)) == "mixed"
    assert label(replace(ALONE, cores=Cores(1, 2, 2, shared=True), run_share=0.4)) == "latency-bound"


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
    "The client is the limit: the client used 99% of the 0.25 cores it can use, its quota; the server 60% of its one "
    "core; the quota stopped the client 70% of the time; on average 12 of its 20 connections were active, 2.0 in "
    "IO:WalSync.": replace(POD, client_share=0.99),
    "Waiting in the server is the limit, 90% of the connections' time: the client used 30% of the one core it can "
    "use; the server 60% of its one core; on average 19 of its 20 connections were active, 18 in Timeout:PgSleep.": (
        replace(CALM, other_wait=0.9, active=0.95, waits={"Timeout:PgSleep": 0.9, "CPU": 0.05})
    ),
    "One connection: client, network and server take turns: the client used 16% of the one core it can use; the "
    "server 50% of its one core; its connection was active 60% of the time, 10% in IO:WalSync.": ALONE,
    "Client and server share 2 cores, and used 95% of that: the client used 30% of the one core it can use; the "
    "server 60% of its 2 cores; on average 0.8 of its 20 connections were active.": replace(
        CALM, cores=Cores(1, 2, 2, shared=True), run_share=0.95, active=0.04, waits={"IO:WalSync": 0.04}
    ),
}


@pytest.mark.parametrize(("sentence", "observations"), SENTENCES.items(), ids=[text[:30] for text in SENTENCES])
def test_the_sentence_says_what_each_side_used_of_which_cores(sentence: str, observations: Observations) -> None:
    verdict = find_verdict(observations)
    assert verdict is not None
    assert verdict.sentence == sentence
