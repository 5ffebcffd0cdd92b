from __future__ import annotations

from dataclasses import replace

from experiments.analysis.stats import Estimate
from experiments.report.answer.facts import ASYNCIO, THREADS, UVLOOP, Contest, Entrant, Facts
from experiments.report.answer.table import answer_table, has_ceilings, same_everywhere

SETTING = {"engine": "local", "gil": None, "postgres": "default", "poolsize": 20, "resources": "split"}

CONTEST = Contest(
    SETTING,
    {
        THREADS: Entrant(Estimate(15_000.0, 14_500.0, 15_400.0), 16.0, label="server-bound", ceiling_share=0.913),
        ASYNCIO: Entrant(
            Estimate(14_000.0), 24.0, label="client-bound", ratio=Estimate(0.93, 0.9, 0.96, 0.001), noise=False
        ),
        UVLOOP: Entrant(
            Estimate(15_000.0), 20.04, label="server-bound", ratio=Estimate(1.0, 0.97, 1.03, 0.9), noise=True
        ),
    },
)


def lines(*contests: Contest) -> list[list[str]]:
    text = answer_table(Facts(contests)).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (text[0], *text[2:])]


def test_a_row_is_a_setting_with_all_who_met_there() -> None:
    other = replace(CONTEST, setting={**SETTING, "poolsize": 1})
    headings, second, first = lines(CONTEST, other)
    assert dict(zip(headings, first, strict=True)) == {
        "pool size": "20",
        "rows/s of threads": "15,000 (14,500 to 15,400)",
        "asyncio ÷ threads": "0.93 (0.90 to 0.96)",
        "uvloop ÷ threads": "≈ 1.00 (0.97 to 1.03)",
        "client CPU µs/row": "16.0 / 24.0 / 20.0",
        "verdict": "threads and uvloop server-bound; asyncio client-bound",
        "of pgbench": "91%",
    }
    assert second[0] == "1"


def test_columns_without_anything_are_left_out_and_holes_are_dashes() -> None:
    threads = replace(CONTEST.entrants[THREADS], label=None, ceiling_share=None)
    headings, row = lines(replace(CONTEST, entrants={THREADS: threads}))
    assert headings == ["rows/s of threads", "client CPU µs/row"]
    assert row == ["15,000 (14,500 to 15,400)", "16.0 / – / –"]  # noqa: RUF001


def test_rows_are_by_cores_then_postgresql_then_pool() -> None:
    pools = [
        replace(CONTEST, setting={**SETTING, "poolsize": pool, "postgres": postgres})
        for pool in (1, 20)
        for postgres in ("default", "async_commit")
    ]
    assert [row[:2] for row in lines(*pools)] == [
        ["PostgreSQL", "pool size"],
        ["default", "1"],
        ["default", "20"],
        ["async_commit", "1"],
        ["async_commit", "20"],
    ]


def test_the_cores_of_the_baseline_come_first() -> None:
    pod = replace(CONTEST, setting={**SETTING, "resources": "pod_0.25"})
    assert [row[0] for row in lines(pod, replace(CONTEST, main=True))] == ["cores", "split", "pod_0.25"]


def test_one_verdict_of_all_is_told_once() -> None:
    entrants = {name: replace(one, label="mixed") for name, one in CONTEST.entrants.items()}
    headings, row = lines(replace(CONTEST, entrants=entrants))
    assert row[headings.index("verdict")] == "mixed"


def test_a_verdict_that_not_all_have_is_told_with_who_has_it() -> None:
    threads = replace(CONTEST.entrants[THREADS], label=None)
    unjudged = replace(CONTEST.entrants[ASYNCIO], label=None)
    entrants = {**CONTEST.entrants, THREADS: threads, ASYNCIO: unjudged}
    headings, row = lines(replace(CONTEST, entrants=entrants))
    assert row[headings.index("verdict")] == "uvloop server-bound"


def test_a_setting_without_threads_has_no_rate() -> None:
    headings, _, row = lines(CONTEST, replace(CONTEST, entrants={ASYNCIO: replace(CONTEST.entrants[ASYNCIO])}))
    assert row[headings.index("rows/s of threads")] == "–"  # noqa: RUF001


def test_what_is_the_same_everywhere_is_what_the_table_does_not_show() -> None:
    facts = Facts((CONTEST, replace(CONTEST, setting={**SETTING, "poolsize": 1})))
    assert same_everywhere(facts) == {"engine": "local", "postgres": "default", "resources": "split"}
    assert has_ceilings(facts)


def test_no_settings_make_no_table() -> None:
    assert (answer_table(Facts(())), same_everywhere(Facts(())), has_ceilings(Facts(()))) == ("", {}, False)
