from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.datasets import ReadyData
from experiments.engines.protocol import Finished
from experiments.judge import Trouble, find_differences, read_report, read_trial
from experiments.records import Work

DATA = ReadyData(Path("data"), (), "geo:100:1;data:22200:2", 100, 100, 22_200)
EXACTLY = range(22_520, 22_521)
DONE = Work(DATA.digest, rows=22_200, transactions=22_520, geo_records=100, data_records=100)


def test_the_report_is_the_last_line_of_standard_output() -> None:
    finished = Finished(0, 'a warning\n{"schema": 1}\n', "", 1.0)
    assert read_report("run", finished, 120.0) == {"schema": 1}


@pytest.mark.parametrize(
    ("finished", "status", "reason"),
    [
        (Finished(-9, "", "", 120.0, timed_out=True), "timeout", "run: no end within 120 s"),
        (Finished(-9, "", "", 1.0), "failed", "run: ended by signal 9 (SIGKILL)"),
        (Finished(-70, "", "", 1.0), "failed", "run: ended by signal 70"),
        (Finished(1, "", "many\nwords\nerror: no\n", 1.0), "failed", "run: no"),
        (Finished(2, "", "error: bad\n", 1.0), "failed", "run: bad"),
        (Finished(1, "", "error: a\nerror: gone\n\tWhy?\n", 1.0), "failed", "run: gone Why?"),
        (Finished(1, "", "Traceback:\nValueError: 3\n", 1.0), "failed", "run: ValueError: 3"),
        (Finished(3, "", "", 1.0), "failed", "run: exit code 3"),
        (Finished(0, "", "", 1.0), "failed", "run: reported '', not a line of JSON"),
        (Finished(0, "{", "", 1.0), "failed", "run: reported '{', not a line of JSON"),
        (Finished(0, "3", "", 1.0), "failed", "run: reported '3', not a line of JSON"),
    ],
)
def test_a_process_without_a_report_is_trouble_with_its_reason(finished: Finished, status: str, reason: str) -> None:
    with pytest.raises(Trouble) as raised:
        read_report("run", finished, 120.0)
    assert (raised.value.status, raised.value.reason) == (status, reason)


@pytest.mark.parametrize(
    ("finished", "reason"),
    [
        (Finished(0, 'a warning\n{"supported": true, "reason": null}\n', "", 0.3), None),
        (
            Finished(
                0,
                '{"supported": false, "reason": "rloop cannot run asyncpg:\\n NotImplementedError"}',
                "",
                0.3,
            ),
            "rloop cannot run asyncpg: NotImplementedError",
        ),
        (Finished(-11, "", "", 0.3), "ended by signal 11 (SIGSEGV) when it was tried"),
        (Finished(-15, "", "", 60.0, timed_out=True), "no end within 60 s when it was tried"),
        (Finished(-9, "", "", 0.3, cause="out of memory: over 1 GB"), "out of memory: over 1 GB when it was tried"),
        # Its runs will fail: no fault of the machine may pass for something that cannot be.
        (Finished(1, "", "error: connection refused\n", 0.3), None),
        (Finished(0, "no report", "", 0.3), None),
    ],
)
def test_a_trial_tells_why_a_combination_cannot_run(finished: Finished, reason: str | None) -> None:
    assert read_trial(finished, 60.0) == reason


def test_equal_work_has_no_differences() -> None:
    assert find_differences(DONE, DATA, EXACTLY) == []


def test_each_difference_is_named() -> None:
    done = replace(DONE, digest="geo:99:1;data:22199:2", rows=22_199, geo_records=99, transactions=22_519)
    assert find_differences(done, DATA, EXACTLY) == [
        "geo records: 99 of 100",
        "rows: 22199 of 22200",
        "transactions: 22519 of 22520",
    ]


def test_other_values_in_as_many_rows_are_a_difference() -> None:
    found = find_differences(replace(DONE, digest="geo:100:1;data:22200:3"), DATA, EXACTLY)
    assert found == ["values: the tables do not hold what the files do (their digests differ)"]


def test_transactions_that_cannot_be_known_are_not_judged() -> None:
    assert find_differences(replace(DONE, transactions=None), DATA, EXACTLY) == []


def test_how_many_transactions_there_are_may_have_a_span() -> None:
    span = range(22_500, 22_521)
    assert find_differences(DONE, DATA, span) == []
    assert find_differences(replace(DONE, transactions=22_521), DATA, span) == ["transactions: 22521 of 22500 to 22520"]
