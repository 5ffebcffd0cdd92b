"""Every turn of phrase of the answer, on settings that are made up: the words follow from the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.stats import Estimate
from experiments.analysis.usable_cores import Setup
from experiments.report.answer.bound import say_bound
from experiments.report.answer.facts import ASYNCIO, THREADS, UVLOOP, Contest, Entrant, Facts
from experiments.report.answer.limits import find_limit, foretell, foretell_servers, say_limits
from experiments.report.answer.remedies import say_help
from experiments.report.answer.sentences import say_faster, say_flip, say_why, write_sentences
from experiments.report.answer.words import between, times_text

SETTING = {"engine": "local", "python": "3.13", "postgres": "default", "poolsize": 20, "resources": "split"}

SERVER_BOUND: dict[str, Any] = {
    "server_us": 65.0,
    "server_share": 0.98,
    "active": 0.87,
    "idle": 0.13,
    "in_transaction": 0.0,
    "commit_wait": 0.12,
    "sync_wait": 0.04,
    "label": "server-bound",
}


THRESHOLD = (
    "By the costs above Python becomes the limit below about 0.25 of a core with threads, 0.37 with asyncio and 0.31 "
    "with uvloop"
)
SERVERS = (
    "Python would also be the limit with more than about 2.7 to 4.1 PostgreSQL cores to one of its (predicted, not "
    "measured; `nox -s predict` answers for your cores and round trip)."
)


def entrant(client_us: float, rate: float = 15_000.0, **changes: Any) -> Entrant:
    return replace(Entrant(Estimate(rate), client_us, client_share=rate * client_us / 1e6), **changes)


def ratio(value: float, *, noise: bool | None = False) -> dict[str, Any]:
    return {"ratio": Estimate(value, value - 0.05, value + 0.05, 0.001), "noise": noise}


def contest(changes: dict[str, Any] | None = None, **more: Any) -> Contest:
    """The usual one: all at PostgreSQL's limit, and nothing told apart."""
    common = SERVER_BOUND | (changes or {})
    entrants = {
        THREADS: entrant(16.0, **common),
        ASYNCIO: entrant(24.0, **common, **ratio(0.98, noise=True), cpu_ratio=Estimate(1.5, 1.45, 1.55)),
        UVLOOP: entrant(20.0, **common, **ratio(1.01, noise=True), cpu_ratio=Estimate(1.25)),
    }
    usual: dict[str, Any] = {
        "setting": SETTING,
        "entrants": entrants,
        "main": True,
        "loops": Estimate(1.03, 0.97, 1.09, 0.3),
        "loops_noise": True,
    }
    return Contest(**{**usual, **more})


def other(label: str, *, setup: Setup | None = None, **setting: Any) -> Contest:
    """Another setting, where all have this verdict."""
    made = contest({"label": label}, main=False, setting={**SETTING, **setting})
    return replace(made, setup=setup or Setup())


def with_ratios(made: Contest, of_asyncio: dict[str, Any], of_uvloop: dict[str, Any], **more: Any) -> Contest:
    entrants = dict(made.entrants)
    entrants[ASYNCIO] = replace(entrants[ASYNCIO], **of_asyncio)
    entrants[UVLOOP] = replace(entrants[UVLOOP], **of_uvloop)
    return replace(made, entrants=entrants, **more)


def facts(main: Contest, *others: Contest, **more: Any) -> Facts:
    return Facts((main, *others), **more)


def test_the_answer_has_five_sentences_that_say_what_they_answer() -> None:
    starts = [sentence.split("**")[1] for sentence in write_sentences(facts(contest()))]
    assert starts == [
        "IO bound or CPU bound?",
        "Is asyncio faster than threads?",
        "Why?",
        "Where does it flip?",
        "What would help?",
    ]


def test_without_a_run_of_the_defaults_there_is_no_answer() -> None:
    nothing = ["No run in the setting of the baseline counts in this campaign, so there is no answer."]
    assert write_sentences(Facts(())) == nothing
    assert write_sentences(facts(contest(main=False))) == nothing
    assert write_sentences(facts(contest(entrants={}))) == nothing


def test_the_verdict_comes_with_the_shares_that_led_to_it() -> None:
    assert say_bound(facts(contest()), contest()) == (
        "CPU bound, but in PostgreSQL, not in Python: with 20 connections and commits that wait for the disk "
        "(`default`), threads, asyncio and uvloop are *server-bound*. From Python's side you wait (its core is 24% to "
        "36% busy). What you wait for is PostgreSQL's CPU, not the disk: it uses 98% of its core. At any moment about "
        "17 of 20 connections are inside a statement (2 of these wait to commit) and 3 idle, or waiting for a core, "
        "which PostgreSQL does not show."
    )


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("client-bound", "CPU bound, in Python"),
        ("commit-bound", "IO bound, as commits wait for the disk"),
        ("latency-bound", "IO bound, as connections wait for answers while no core is full"),
        ("host-saturated", "Bound by the machine, which had too few cores or other work"),
        ("mixed", "Bound by no single thing, as no side is at its limit and no wait is long"),
    ],
)
def test_each_verdict_is_put_in_terms_of_the_question(label: str, meaning: str) -> None:
    main = contest({"label": label}, durable=False)
    said = say_bound(facts(main), main)
    setting = "with 20 connections (`default`)"
    assert said.startswith(f"{meaning}: {setting}, threads, asyncio and uvloop are *{label}*. ")


def test_one_connection_waits_for_nobody_but_takes_turns() -> None:
    main = contest({"label": "latency-bound"}, setting={**SETTING, "poolsize": 1}, durable=False)
    assert say_bound(facts(main), main).startswith(
        "Bound by taking turns: Python, PostgreSQL and the way between them, one after the other: with 1 connection "
    )
    assert say_limits(main).endswith(": neither is the bottleneck, as one connection has them take turns.")
    waiting = contest({"label": "commit-bound"}, setting={**SETTING, "poolsize": 1})
    assert say_bound(facts(waiting), waiting).startswith("IO bound, as commits wait for the disk: ")


def test_what_commits_cost_the_server_is_told_beside_what_a_row_costs() -> None:
    main = contest()
    spared = [
        replace(contest({"server_us": cost}, main=False, setting={**SETTING, "postgres": name}), durable=False)
        for name, cost in (("async_commit", 43.0), ("fsync_off", 48.0))
    ]
    elsewhere = replace(spared[0], setting={**SETTING, "postgres": "memory", "poolsize": 1})
    kept = other("server-bound", postgres="pg15")
    cost = (
        "; PostgreSQL takes 65 µs (43 to 48 µs where no commit waits for the disk: `async_commit` or `fsync_off`). At"
    )
    assert cost in say_why(facts(main, *spared, elsewhere, kept), main)
    assert "waits for the disk" not in say_why(facts(main, elsewhere, kept), main)
    undurable = replace(main, durable=False)
    assert "waits for the disk" not in say_why(facts(undurable, *spared), undurable)


def test_whoever_has_another_verdict_is_named() -> None:
    main = contest()
    main = with_ratios(main, {"label": "client-bound"}, {})
    said = say_bound(facts(main), main)
    assert said.startswith("It depends on the loader: with 20 connections and commits")
    assert (
        "threads and uvloop are *server-bound* (CPU bound, but in PostgreSQL, not in Python) and asyncio is "
        "*client-bound* (CPU bound, in Python). "
    ) in said


def test_commits_that_are_waited_for_while_the_core_is_busy_are_no_wait_for_the_disk() -> None:
    main = contest({"commit_wait": 0.72})
    assert (
        "(14 of these wait to commit, behind a log writer that itself needs that core; the disk itself is 4% of the "
        "connections' time) and 3 idle"
    ) in say_bound(facts(main), main)
    bound = contest({"commit_wait": 0.72, "label": "commit-bound"})
    assert "(14 of these wait to commit) and 3 idle." in say_bound(facts(bound), bound)


def test_a_disk_that_is_waited_for_is_not_denied() -> None:
    main = contest({"commit_wait": 0.72, "sync_wait": 0.5})
    said = say_bound(facts(main), main)
    assert "What you wait for is PostgreSQL's CPU: it uses 98% of its core." in said
    assert "log writer" not in said
    assert "not the disk" not in say_bound(facts(unseen := contest({"sync_wait": None})), unseen)


def test_where_nearly_all_wait_to_commit_the_number_is_not_said_twice() -> None:
    main = contest({"active": 0.7, "commit_wait": 0.69})
    assert "about 14 of 20 connections are inside a statement (nearly all of these wait" in say_bound(facts(main), main)


def test_one_connection_is_told_of_by_its_time() -> None:
    changes = {"label": "commit-bound", "commit_wait": 0.43, "active": 0.61, "idle": 0.39}
    main = contest(changes, setting={**SETTING, "poolsize": 1})
    said = say_bound(facts(main), main)
    assert said.endswith(" Of its time the connection is 61% inside a statement (43% waiting to commit) and 39% idle.")
    assert "PostgreSQL uses 98% of its core, Python 24% to 36% of its own." in said


def test_less_than_one_connection_is_no_whole_number() -> None:
    main = contest({"active": 0.03, "commit_wait": 0.0})
    said = say_bound(facts(main), main)
    assert "about 0.6 of 20 connections are inside a statement (0.0 of these wait to commit)" in said


def test_mixed_says_which_of_its_meanings_it_has() -> None:
    main = contest({"label": "mixed", "both_full": True})
    assert say_bound(facts(main), main).startswith("CPU bound on both sides, Python and PostgreSQL: with 20 ")
    usual = contest()
    full = replace(main, main=False, setting={**SETTING, "poolsize": 5})
    far = other("mixed", poolsize=1, postgres="memory")
    said = say_bound(facts(usual, full, far, other("server-bound", poolsize=50)), usual)
    assert said.endswith("*mixed* with 5 connections on `default` or 1 connection on `memory`.")
    assert "*mixed* (both sides full) with 5" in say_bound(facts(usual, full, other("server-bound")), usual)
    none = say_bound(facts(usual, other("mixed", poolsize=5)), usual)
    assert "*mixed* (no side full, no wait long) with 5 connections" in none


def test_rows_that_were_disturbed_too_often_have_no_other_verdict() -> None:
    main, noisy = contest(), with_ratios(other("server-bound", poolsize=5), {}, {"label": "mixed", "disturbed": 0.5})
    said = say_bound(facts(main, noisy), main)
    assert said.endswith(" No other verdict comes out in the other row with a whole core.")
    less = with_ratios(noisy, {}, {"disturbed": 0.3})
    assert "*mixed* (no side full, no wait long) for uvloop with 5" in say_bound(facts(main, less), main)


def test_threads_are_several_also_by_themselves() -> None:
    main = contest()
    alone = replace(main, entrants={THREADS: main.entrants[THREADS]})
    assert "(`default`), threads are *server-bound*. " in say_bound(facts(alone), alone)


def test_connections_that_are_idle_in_a_transaction_are_told_of() -> None:
    main = contest({"in_transaction": 0.02, "commit_wait": None, "label": "client-bound"})
    assert say_bound(facts(main), main).endswith(
        " At any moment about 17 of 20 connections are inside a statement, 0.4 idle in a transaction and 3 idle."
    )


def test_a_campaign_without_observations_has_shares_of_cores_and_no_verdict() -> None:
    main = contest({"label": None, "active": None, "idle": None})
    assert say_bound(facts(main), main) == (
        "By how busy the cores are, CPU bound, but in PostgreSQL, not in Python: with 20 connections and commits that "
        "wait for the disk (`default`), PostgreSQL uses 98% of its core, Python 24% to 36% of its own. This campaign "
        "did not look at what connections wait for, so there is no verdict."
    )


def test_without_the_servers_cpu_time_nothing_is_said_of_cores() -> None:
    main = contest({"label": None, "server_share": None})
    assert "nothing says how busy the cores are" in say_bound(facts(main), main)


def test_other_verdicts_elsewhere_are_told_with_their_settings() -> None:
    main = contest()
    others = [
        other("commit-bound", poolsize=1),
        other("latency-bound", poolsize=1, postgres="async_commit"),
        other("server-bound", poolsize=50),
        other("client-bound", resources="pod_0.25", setup=Setup(client_quota=0.25)),
    ]
    assert say_bound(facts(main, *others), main).endswith(
        " Other verdicts: *commit-bound* with 1 connection on `default`; *latency-bound* (taking turns) with 1 "
        "connection on `async_commit`."
    )


def test_more_verdicts_than_three_are_counted() -> None:
    main = contest()
    labels = ("mixed", "commit-bound", "client-bound", "host-saturated", "latency-bound")
    others = [other(label, poolsize=size) for size, label in enumerate(labels, start=50)]
    assert say_bound(facts(main, *others), main).endswith(
        " Other verdicts: *client-bound* with 52 connections on `default`; *commit-bound* with 51 connections on "
        "`default`; *host-saturated* with 53 connections on `default`; and 2 more in the table."
    )


def test_a_verdict_that_not_all_have_is_told_of_those_who_have_it() -> None:
    main = contest()
    mixed = with_ratios(other("server-bound", poolsize=5), {"label": "client-bound"}, {})
    pods = [
        with_ratios(other("client-bound", resources=f"pod_{quota}", setup=Setup(client_quota=quota)), changes, {})
        for quota, changes in ((0.25, {}), (0.5, {"label": "mixed"}))
    ]
    alike = other("client-bound", poolsize=2)
    assert say_bound(facts(main, mixed, alike, *pods), main).endswith(
        " Other verdicts: *client-bound* with 2 connections on `default`; *client-bound* for asyncio with 5 "
        "connections on `default`."
    )
    assert (
        " Campaign where it is the limit of all: with 0.25 of a core for Python asyncio loads ≈ 0.98 (0.93 to 1.03) "
        "and uvloop ≈ 1.01 (0.96 to 1.06) times the rows of threads. In the other row with a fraction nobody is told "
        "apart from threads."
    ) in say_flip(facts(main, *pods), main)


def test_who_has_the_same_verdict_as_in_the_main_setting_has_no_other() -> None:
    main = with_ratios(contest(), {"label": "client-bound"}, {})
    same = with_ratios(other("server-bound", poolsize=50), {"label": "client-bound"}, {})
    all_alike = other("server-bound", poolsize=5)
    assert say_bound(facts(main, same), main).endswith(
        " No other verdict comes out in the other row with a whole core."
    )
    assert say_bound(facts(main, same, all_alike), main).endswith(
        " Other verdicts: *server-bound* with 5 connections on `default`."
    )


def test_settings_that_have_one_value_in_common_are_named_by_it() -> None:
    main = contest()
    others = [other("latency-bound", poolsize=1, postgres=name) for name in ("default", "async_commit", "fsync_off")]
    said = say_bound(facts(main, *others, other("server-bound", poolsize=5)), main)
    assert said.endswith(" Other verdicts: *latency-bound* (taking turns) with 1 connection throughout.")


def test_settings_that_differ_in_one_value_are_named_together() -> None:
    main = contest()
    waiting = [other("commit-bound", poolsize=size) for size in (5, 1)]
    turns = [other("latency-bound", poolsize=1, postgres=name) for name in ("async_commit", "fsync_off")]
    said = say_bound(facts(main, *waiting, *turns, other("server-bound", poolsize=50)), main)
    assert said.endswith(
        " Other verdicts: *commit-bound* with 1 or 5 connections on `default`; *latency-bound* (taking turns) with 1 "
        "connection on `async_commit` or `fsync_off`."
    )


def test_many_settings_without_anything_in_common_are_not_all_named() -> None:
    main = contest()
    some = [other("mixed", poolsize=size, postgres=f"pg{size}") for size in (12, 13, 14, 15)]
    rest = [other("server-bound", poolsize=size, postgres=f"pg{size + 1}") for size in (11, 12, 13, 14, 15)]
    said = say_bound(facts(main, *some, *rest), main)
    assert said.endswith(", 13 connections on `pg13`, 14 connections on `pg14` and elsewhere.")


def test_that_the_verdict_is_the_same_everywhere_is_told() -> None:
    main = contest()
    said = say_bound(facts(main, other("server-bound", poolsize=5), other("server-bound", poolsize=50)), main)
    assert said.endswith(" No other verdict comes out in the other 2 rows with a whole core.")


def test_what_is_not_told_apart_is_neither_faster_nor_slower() -> None:
    said = say_faster(contest())
    assert said == (
        "No difference is told apart from noise: asyncio loads ≈ 0.98 (0.93 to 1.03) and uvloop ≈ 1.01 (0.96 to 1.06) "
        "times the rows/s of threads; that leaves room for asyncio between 7% slower and 3% faster and uvloop between "
        "4% slower and 6% faster. Nor are the loops told apart: with the same driver uvloop loads ≈ 1.03 (0.97 to "
        "1.09) times the rows of asyncio."
    )


@pytest.mark.parametrize(
    ("of_asyncio", "of_uvloop", "verdict"),
    [
        (ratio(0.8), ratio(0.9), "Asyncio and uvloop are slower: "),
        (ratio(1.2), ratio(1.3), "Asyncio and uvloop are faster: "),
        (ratio(0.8), ratio(1.2), "Uvloop is faster and asyncio is slower: "),
        (ratio(0.8), ratio(1.0, noise=True), "Asyncio is slower: "),
    ],
)
def test_who_is_told_apart_is_called_faster_or_slower(
    of_asyncio: dict[str, Any], of_uvloop: dict[str, Any], verdict: str
) -> None:
    assert say_faster(with_ratios(contest(), of_asyncio, of_uvloop)).startswith(verdict)


def test_a_loop_that_makes_the_difference_leaves_none_for_the_driver() -> None:
    main = with_ratios(contest(), ratio(0.8), ratio(1.0, noise=True))
    main = replace(main, loops=Estimate(1.25, 1.2, 1.3, 0.001), loops_noise=False)
    assert say_faster(main).endswith(
        " The loop matters: with the same driver uvloop loads 1.25 (1.20 to 1.30) times the rows of asyncio, which "
        "leaves nothing to be told of the driver."
    )


def test_what_a_faster_loop_leaves_is_not_denied() -> None:
    main = with_ratios(contest(), ratio(0.7), ratio(0.9))
    main = replace(main, loops=Estimate(1.29, 1.2, 1.4, 0.001), loops_noise=False)
    assert say_faster(main).endswith("times the rows of asyncio.")


def test_where_both_loops_lose_alike_it_is_the_driver() -> None:
    said = say_faster(with_ratios(contest(), ratio(0.8), ratio(0.8)))
    assert " It is the driver rather than the loop: with the same driver uvloop loads ≈ 1.03 " in said


def test_too_few_blocks_claim_nothing() -> None:
    unknown = {"ratio": Estimate(0.8), "noise": None}
    main = with_ratios(contest(), unknown, unknown, loops=Estimate(1.0), loops_noise=None)
    assert say_faster(main) == (
        "Not known: asyncio loads 0.80 and uvloop 0.80 times the rows/s of threads, but without a noise floor (it "
        "takes 5 blocks) nothing is told apart."
    )


def test_without_threads_there_is_nothing_to_compare_with() -> None:
    main = with_ratios(contest(), {"ratio": None}, {"ratio": None})
    assert say_faster(main).startswith("Not measured")


def test_costs_and_bounds_say_why() -> None:
    assert say_why(facts(contest()), contest()) == (
        "For a row Python takes 16.0 µs of CPU time with threads, 24.0 µs with asyncio (1.50 times, 1.45 to 1.55) and "
        "20.0 µs with uvloop (1.25 times); PostgreSQL takes 65 µs. At these costs (medians of this campaign, with "
        "20 connections) Python alone could do 41,700 to 62,500 rows/s, PostgreSQL 15,400: PostgreSQL is the "
        "bottleneck, whoever asks, so that what a row costs Python does not show beyond the noise."
    )


def test_a_difference_that_was_told_apart_is_not_said_to_be_hidden() -> None:
    main = with_ratios(contest(), ratio(0.9), ratio(0.9))
    assert say_why(facts(main), main).endswith("PostgreSQL is the bottleneck, whoever asks.")


@pytest.mark.parametrize("of_uvloop", [ratio(1.0, noise=None), ratio(1.0), {"ratio": None, "noise": None}])
def test_what_could_not_be_told_apart_is_not_said_to_be_hidden(of_uvloop: dict[str, Any]) -> None:
    """Without a noise floor, or without five blocks, nothing is known; nor where one of two was told apart."""
    of_asyncio = ratio(0.98, noise=of_uvloop["noise"]) if of_uvloop["ratio"] is None else ratio(0.98, noise=True)
    main = with_ratios(contest(), of_asyncio, of_uvloop)
    assert say_limits(main).endswith("PostgreSQL is the bottleneck, whoever asks.")


def test_threads_alone_show_nothing_of_others() -> None:
    main = contest()
    alone = replace(main, entrants={THREADS: main.entrants[THREADS]})
    assert say_limits(alone).endswith("PostgreSQL is the bottleneck, whoever asks.")


@pytest.mark.parametrize(
    ("label", "end"),
    [
        ("client-bound", "Python is the bottleneck, so that the CPU time of a row decides."),
        ("commit-bound", "neither is the bottleneck, but what the connections wait for."),
        ("latency-bound", "neither is the bottleneck, but what the connections wait for."),
        ("mixed", "neither is the bottleneck by itself."),
    ],
)
def test_whose_limit_it_is_follows_from_the_verdict(label: str, end: str) -> None:
    assert say_limits(contest({"label": label})).endswith(f": {end}")


def test_entrants_with_limits_of_their_own_are_named() -> None:
    main = with_ratios(contest(), {"label": "client-bound"}, {"label": "mixed"})
    assert say_limits(main).endswith(
        ": the bottleneck is Python with asyncio, PostgreSQL with threads and neither with uvloop."
    )


def test_shared_cores_are_nobodys_limit() -> None:
    main = contest({"label": "host-saturated"}, setup=Setup(server_cores=2, shared_cores=2))
    assert say_limits(main).endswith("each with the cores for itself, which they share.")
    assert "of the 2 cores that both share, Python 24% to 36% of one core" in say_bound(facts(main), main)


def test_without_a_verdict_the_limit_is_whoever_is_busy() -> None:
    unknown = replace(entrant(16.0, **SERVER_BOUND), label=None)
    assert find_limit(unknown) == "server"
    assert find_limit(replace(unknown, client_share=0.99)) == "client"
    assert find_limit(replace(unknown, server_share=0.6)) is None
    assert find_limit(replace(unknown, server_share=None, client_share=None)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_us": None}, "Not known: no run says what a row cost."),
        ({"server_us": None}, "(1.25 times); what PostgreSQL takes was not recorded."),
    ],
)
def test_costs_that_nobody_recorded_are_missed(changes: dict[str, Any], said: str) -> None:
    main = contest()
    entrants = {name: replace(one, **changes) for name, one in main.entrants.items()}
    assert say_why(facts(main), replace(main, entrants=entrants)).endswith(said)


def test_a_fraction_of_a_core_says_who_wins() -> None:
    main = contest()
    pods = [
        other(label, resources=f"pod_{quota}", postgres=postgres, engine="local", setup=Setup(client_quota=quota))
        for quota in (0.25, 0.5)
        for postgres, label in (("default", "client-bound"), ("async_commit", "mixed"))
    ]
    pods = [with_ratios(pod, ratio(0.7), ratio(0.82)) for pod in pods]
    assert say_flip(facts(main, *pods), main) == (
        f"{THRESHOLD}. Campaign where it is the limit of all: with 0.25 of a core for Python asyncio loads 0.70 (0.65 "
        "to 0.75) and uvloop 0.82 (0.77 to 0.87) times the rows of threads, with 0.5 of a core for Python 0.70 (0.65 "
        "to 0.75) and 0.82 (0.77 to 0.87). In the other 2 rows with a fraction these are told apart from threads: "
        "asyncio 0.70 (0.65 to 0.75) with 0.25 of a core for Python on `async_commit`; uvloop 0.82 (0.77 to 0.87) with "
        "0.25 of a core for Python on `async_commit`; asyncio 0.70 (0.65 to 0.75) with 0.5 of a core for Python on "
        f"`async_commit`. {SERVERS}"
    )
    without = replace(pods[2], entrants={name: pods[2].entrants[name] for name in (THREADS, UVLOOP)})
    assert ", with 0.5 of a core for Python uvloop loads 0.82 (0.77 to 0.87)." in say_flip(
        facts(main, pods[0], without), main
    )


def test_a_fraction_with_another_server_is_told_where_python_is_everybodys_limit() -> None:
    main = contest()
    usual, quick, half = (
        with_ratios(other(label, resources="pod", setup=Setup(client_quota=quota), postgres=postgres), less, less)
        for label, quota, postgres, less in (
            ("server-bound", 0.25, "default", ratio(1.0, noise=True)),
            ("client-bound", 0.25, "async_commit", ratio(0.8)),
            ("mixed", 0.5, "async_commit", ratio(0.9, noise=True)),
        )
    )
    assert say_flip(facts(main, usual, quick, half), main) == (
        f"{THRESHOLD}. Campaign where it is the limit of all: with 0.25 of a core for Python and `async_commit` "
        "asyncio loads 0.80 (0.75 to 0.85) and uvloop 0.80 (0.75 to 0.85) times the rows of threads. In the other 2 "
        f"rows with a fraction nobody is told apart from threads. {SERVERS}"
    )
    assert say_flip(facts(main, usual), main) == (
        f"{THRESHOLD}; below all of these asyncio would load 0.67 (0.65 to 0.69) and uvloop 0.80 times the rows of "
        f"threads. In 1 row with a fraction nobody is told apart from threads. {SERVERS}"
    )
    unknown = with_ratios(usual, {"noise": None}, {"noise": None})
    assert "nobody" not in say_flip(facts(main, unknown), main)


def test_what_a_fraction_would_do_follows_from_the_costs() -> None:
    assert foretell(contest()) == (
        "No run of this campaign had a fraction of a core (it takes the docker engine). By the costs above Python "
        "becomes the limit below about 0.25 of a core with threads, 0.37 with asyncio and 0.31 with uvloop; below all "
        "of these asyncio would load 0.67 (0.65 to 0.69) and uvloop 0.80 times the rows of threads."
    )


def test_without_costs_of_the_same_blocks_nobody_is_foretold_to_win() -> None:
    main = with_ratios(contest(), {"cpu_ratio": None}, {"cpu_ratio": None})
    assert foretell(main).endswith("below about 0.25 of a core with threads, 0.37 with asyncio and 0.31 with uvloop.")


def test_where_no_side_is_full_the_threshold_is_what_python_used() -> None:
    main = contest({"label": "commit-bound"})
    assert "below about 0.24 of a core with threads, 0.36 with asyncio and 0.30 with uvloop;" in foretell(main)
    assert foretell_servers(main) == ""


def test_more_cores_of_server_are_foretold_where_python_is_not_the_limit_already() -> None:
    assert foretell_servers(contest()) == SERVERS
    assert foretell_servers(contest({"server_us": 20.0})) == ""
    assert foretell_servers(contest(setup=Setup(shared_cores=1))) == ""


def test_nothing_is_foretold_from_shared_cores_or_a_limit_that_is_there() -> None:
    missing = "No run of this campaign had a fraction of a core (it takes the docker engine)."
    assert foretell(contest(setup=Setup(shared_cores=1))) == missing
    assert foretell(contest({"label": "host-saturated"})) == missing
    assert foretell(contest({"label": "client-bound"})) == f"{missing} Python is the limit even with a whole core."


def test_whole_cores_on_which_somebody_differs_are_named_the_furthest_first() -> None:
    main = contest()
    near = with_ratios(other("mixed", poolsize=5), ratio(0.9), ratio(1.0, noise=True))
    far = with_ratios(other("mixed", poolsize=1), ratio(0.7), ratio(1.0, noise=True))
    assert (
        " In the other 2 rows with a whole core these ratios to threads are told from noise: asyncio 0.70 (0.65 to "
        "0.75) with 1 connection on `default`; asyncio 0.90 (0.85 to 0.95) with 5 connections on `default`. "
    ) in say_flip(facts(main, near, far), main)
    every = [with_ratios(other("mixed", poolsize=size), ratio(0.9), ratio(0.8)) for size in (1, 5, 50)]
    assert "6 ratios to threads are told from noise, the furthest: uvloop 0.80" in say_flip(facts(main, *every), main)


def test_that_nobody_differs_is_told_only_where_it_can_be() -> None:
    main, alike = contest(), other("server-bound", poolsize=5)
    assert " With a whole core nobody is told apart from threads in the other row. " in say_flip(
        facts(main, alike), main
    )
    unknown = with_ratios(alike, {"noise": None}, {"noise": None})
    assert "nobody" not in say_flip(facts(main, unknown), main)


def test_what_helps_is_told_with_the_ratio_to_the_baseline() -> None:
    main = contest()
    alone = other("commit-bound", poolsize=1)
    quick = other("server-bound", postgres="async_commit")
    both = other("server-bound", postgres="async_commit", poolsize=1)
    helped: dict[str, Any] = {"to_baseline": Estimate(1.5, 1.4, 1.6), "to_baseline_noise": False}
    less: dict[str, Any] = {"to_baseline": Estimate(0.3, 0.2, 0.4), "to_baseline_noise": False}
    changed = [
        replace(one, entrants={**one.entrants, THREADS: replace(one.entrants[THREADS], **values)})
        for one, values in ((alone, less), (quick, helped), (both, helped))
    ]
    said = (
        "Threads load 1.50 (1.40 to 1.60) times the rows with `async_commit` instead of `default`. On `default` no "
        "other pool size is seen to help: threads load 0.30 (0.20 to 0.40) times the rows with 1 instead of 20 "
        "connections."
    )
    assert say_help(facts(main, *changed), main) == said
    spared = replace(changed[1], durable=False)
    assert say_help(facts(main, spared), main) == (
        "Not waiting for the disk: threads load 1.50 (1.40 to 1.60) times the rows with `async_commit` (a crash loses "
        "the last moments)."
    )


def test_the_best_pool_size_comes_first_and_why_more_connections_hurt_is_told() -> None:
    main, made = contest(), []
    for size, value, cost in ((5, 1.2, 60.0), (50, 0.7, 106.0), (1, 0.3, 60.0)):
        one = other("server-bound", poolsize=size)
        changed = replace(one.entrants[THREADS], to_baseline=Estimate(value), to_baseline_noise=False, server_us=cost)
        made.append(replace(one, entrants={**one.entrants, THREADS: changed}))
    said = "Threads load 1.20 times the rows with 5, 0.70 with 50 and 0.30 with 1 instead of 20 connections"
    assert say_help(facts(main, *made), main) == f"{said}; with 50 a row costs PostgreSQL 106 µs instead of 65."
    assert say_help(facts(main, made[0]), main) == (
        "Threads load 1.20 times the rows with 5 instead of 20 connections."
    )


@pytest.mark.parametrize(
    ("ratio_of_both", "noise", "end"),
    [
        (2.0, False, ", and 2.00 with 5 connections on `async_commit`."),
        (2.0, True, " instead of `default`."),
        (2.0, None, " instead of `default`."),
        (1.4, False, " instead of `default`."),
    ],
)
def test_what_both_do_together_is_told_where_it_is_most(ratio_of_both: float, noise: bool | None, end: str) -> None:
    main, quick = contest(), other("server-bound", postgres="async_commit")
    both = other("server-bound", postgres="async_commit", poolsize=5)
    pod = other("client-bound", postgres="async_commit", poolsize=5, resources="pod_1")
    changed = []
    for one, value, mark in ((quick, 1.5, False), (both, ratio_of_both, noise), (pod, 9.0, False)):
        threads = replace(one.entrants[THREADS], to_baseline=Estimate(value), to_baseline_noise=mark)
        changed.append(replace(one, entrants={**one.entrants, THREADS: threads}))
    assert say_help(facts(main, *changed), main).endswith(end)


def test_what_helps_is_told_of_the_loader_that_is_the_baseline() -> None:
    main, quick = contest(), other("server-bound", postgres="async_commit")
    more = {name: Estimate(value) for name, value in ((THREADS, 1.6), (ASYNCIO, 1.4))}
    entrants = {name: replace(quick.entrants[name], to_baseline=ratio) for name, ratio in more.items()}
    quick = replace(quick, entrants=entrants)
    assert say_help(facts(main, quick, baseline=ASYNCIO), main) == (
        "Asyncio loads 1.40 times the rows with `async_commit` instead of `default`."
    )
    assert say_help(facts(main, quick, baseline=None), main).startswith("Not measured")


def test_the_ceilings_are_those_of_the_same_setting() -> None:
    main = contest({"ceiling_share": 0.9})
    cell = {**SETTING, "protocol": "simple"}
    pgbench = (
        ({**cell, "protocol": "prepared"}, 20_000.0),
        (cell, 16_667.0),
        ({**cell, "poolsize": 1}, 5_000.0),
        ({**cell, "postgres": "async_commit"}, 22_000.0),
    )
    ceilings = {"ceiling_pgbench": pgbench, "ceiling_copy": (({**cell, "poolsize": 1}, 450_000.0),)}
    assert say_help(facts(main, ceilings=ceilings), main) == (
        "COPY, all rows in one statement: 450,000 rows/s, 30.0 times those of threads. Threads reach 90%, asyncio 90% "
        "and uvloop 90% of what pgbench does (16,667 rows/s)."
    )
    beside = contest({"ceiling_share": 0.9, "to_ceiling": Estimate(1.08, 0.89, 1.3), "to_ceiling_noise": True})
    assert say_help(facts(beside), beside) == (
        "Threads load ≈ 1.08 (0.89 to 1.30), asyncio ≈ 1.08 (0.89 to 1.30) and uvloop ≈ 1.08 (0.89 to 1.30) times the "
        "rows of pgbench, which sends the same statements from C."
    )


def test_a_cpu_ratio_whose_interval_holds_1_is_marked() -> None:
    assert times_text(Estimate(1.14, 0.94, 1.39)) == "≈ 1.14 times, 0.94 to 1.39"
    assert times_text(Estimate(1.5, 1.4, 1.6)) == "1.50 times, 1.40 to 1.60"
    assert times_text(Estimate(1.5)) == "1.50 times"


def test_what_an_interval_leaves_may_be_on_one_side_of_1() -> None:
    assert between(Estimate(1.1, 1.02, 1.2)) == "between 2% faster and 20% faster"
    assert between(Estimate(1.1)) == ""


def test_nothing_that_helps_was_measured() -> None:
    assert say_help(facts(contest()), contest()).startswith("Not measured")
