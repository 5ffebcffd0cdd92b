from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from experiments.campaign.datasets import AskedOperations, PreparedData
from experiments.campaign.equal_work import NO_LIMIT, find_contradictions, find_differences
from experiments.engines.loader_report import RunFailed, driver_facts, read_report, read_trial
from experiments.engines.protocol import Finished
from experiments.matrix.cell import Cell
from experiments.records.record import Work

DATA = PreparedData(Path("data"), (), "geo:100:1;data:22200:2", 100, 100, 22_200)
OTHER_VALUES = "values: the tables do not hold what the files do (their digests differ)"
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
    with pytest.raises(RunFailed) as raised:
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
        (Finished(-6, "", "", 0.3), "ended by signal 6 (SIGABRT) when it was tried"),
        # Its runs will fail: no fault of the machine may pass for something that cannot be.
        (Finished(-9, "", "", 0.3), None),
        (Finished(-6, "", "", 60.0, timed_out=True), None),
        (Finished(-15, "", "", 60.0, timed_out=True), None),
        (Finished(-9, "", "", 0.3, cause="out of memory: over 1 GB"), None),
        (Finished(1, "", "error: connection refused\n", 0.3), None),
        (Finished(0, "no report", "", 0.3), None),
    ],
)
def test_a_trial_tells_why_a_combination_cannot_run(finished: Finished, reason: str | None) -> None:
    assert read_trial(finished, 60.0) == reason


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        (
            '{"client": {"libpq": 170011, "libpq_bundled": true, "cpu_s": 0.1}}',
            {"libpq": 170011, "libpq_bundled": True},
        ),
        ('{"client": {"libpq": null, "libpq_bundled": null}}', {"libpq": None, "libpq_bundled": None}),
        ('{"client": null}', {}),
        ('{"client": {}}', {}),
        ("no report", {}),
        ("", {}),
    ],
)
def test_a_trial_tells_which_libpq_the_driver_uses(said: str, facts: dict[str, Any]) -> None:
    assert driver_facts(Finished(0, said, "", 0.3)) == facts


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
    assert found == [OTHER_VALUES]


def test_other_values_are_named_beside_other_transactions() -> None:
    done = replace(DONE, digest="geo:100:1;data:22200:3", transactions=1)
    assert find_differences(done, DATA, EXACTLY) == [OTHER_VALUES, "transactions: 1 of 22520"]


@pytest.mark.parametrize(("part", "table"), [("geo_scans", "geo_record"), ("matrix_scans", "matrix")])
def test_a_table_that_was_scanned_less_often_than_it_has_to_be_selected_from_is_a_difference(
    part: str, table: str
) -> None:
    def found(scans: int) -> list[str]:
        return find_differences(Work(**{**asdict(DONE), part: scans}), DATA, EXACTLY)

    assert found(100) == []
    # More than that is the server's way to do it.
    assert found(101) == []
    assert found(99) == [f"scans of {table}: 99 of 100 at least, one for each SELECT"]


REPORT: dict[str, Any] = {
    **{"loader": "row_by_row_threaded", "loop": None, "protocol": "simple", "poolsize": 20},
    **{"transaction": "autocommit", "inserts": "execute"},
    "phases": {"geo": {"rows": 100}, "data": {"rows": 22_200}},
    "client": {"driver_implementation": None, "gil_enabled": True},
    "work": {"data_records": 100},
}


def test_a_loader_that_says_what_was_asked_for_contradicts_nothing(threaded: Cell) -> None:
    assert find_contradictions(REPORT, threaded, DATA) == []


def test_a_loader_that_says_nothing_contradicts_nothing(threaded: Cell) -> None:
    silent = {"phases": REPORT["phases"], "client": {}}
    assert find_contradictions(silent, threaded, DATA) == []


@pytest.mark.parametrize(
    ("said", "contradiction"),
    [
        ({"loader": "row_by_row_gevent"}, "loader: row_by_row_gevent, not row_by_row_threaded"),
        ({"loop": "asyncio"}, "loop: asyncio, not None"),
        ({"protocol": "prepared"}, "protocol: prepared, not simple"),
        ({"poolsize": 19}, "poolsize: 19, not 20"),
        ({"transaction": "per_record"}, "transaction: per_record, not autocommit"),
        ({"inserts": "executemany"}, "inserts: executemany, not execute"),
        ({"phases": {"geo": {"rows": 99}, "data": {"rows": 22_200}}}, "rows of phase geo: 99, not 100"),
        ({"phases": {"geo": {"rows": 100}, "data": {"rows": 44_400}}}, "rows of phase data: 44400, not 22200"),
        ({"work": {"data_records": 101}}, "data records: 101, not 100"),
        ({"client": {"driver_implementation": "python"}}, "implementation: python, not None"),
    ],
)
def test_whatever_the_loader_says_that_was_not_asked_for_is_a_contradiction(
    said: dict[str, Any], contradiction: str, threaded: Cell
) -> None:
    assert find_contradictions({**REPORT, **said}, threaded, DATA) == [contradiction]


def test_a_gil_that_is_on_where_it_should_be_off_is_a_contradiction(threaded: Cell) -> None:
    for gil, enabled, found in (
        ("off", True, ["GIL: on, not off"]),
        ("off", False, []),
        ("default", True, []),
        ("default", False, []),
    ):
        report = {**REPORT, "client": {"gil_enabled": enabled}}
        assert find_contradictions(report, replace(threaded, gil=gil), DATA) == found


def test_transactions_that_cannot_be_known_are_not_judged() -> None:
    assert find_differences(replace(DONE, transactions=None), DATA, EXACTLY) == []


def test_how_many_transactions_there_are_at_most_may_not_be_known() -> None:
    span = range(22_520, NO_LIMIT)
    assert find_differences(replace(DONE, transactions=30_000), DATA, span) == []
    found = find_differences(replace(DONE, transactions=22_519), DATA, span)
    assert found == ["transactions: 22519 of 22520 at least"]


def test_how_many_transactions_there_are_may_have_a_span() -> None:
    span = range(22_500, 22_521)
    assert find_differences(DONE, DATA, span) == []
    assert find_differences(replace(DONE, transactions=22_521), DATA, span) == ["transactions: 22521 of 22500 to 22520"]


def test_of_a_ceiling_that_sends_other_values_all_but_the_values_is_compared(threaded: Cell) -> None:
    pgbench = replace(threaded, loader="ceiling_pgbench")
    assert find_differences(replace(DONE, digest="geo:100:1;data:22200:3"), DATA, EXACTLY, pgbench) == []
    # Other geo records are told all the same: a loader's driver has sent them.
    found = find_differences(replace(DONE, digest="geo:100:9;data:22200:3"), DATA, EXACTLY, pgbench)
    assert found == [OTHER_VALUES]
    found = find_differences(replace(DONE, rows=22_199, transactions=1, geo_scans=3), DATA, EXACTLY, pgbench)
    assert found == [
        "rows: 22199 of 22200",
        "transactions: 1 of 22520",
        "scans of geo_record: 3 of 100 at least, one for each SELECT",
    ]


def test_nobody_asks_copy_for_selects_but_for_the_values(threaded: Cell) -> None:
    copy, psql = replace(threaded, loader="ceiling_copy"), replace(threaded, loader="ceiling_psql_file")
    copied = replace(DONE, geo_scans=1, matrix_scans=0)
    assert find_differences(copied, DATA, EXACTLY, copy) == []
    assert len(find_differences(copied, DATA, EXACTLY, psql)) == 2
    other = replace(copied, digest="geo:100:1;data:22200:3")
    assert find_differences(other, DATA, EXACTLY, copy) == [OTHER_VALUES]


def test_a_trial_tells_which_program_a_ceiling_runs() -> None:
    client = '{"libpq": 170011, "libpq_bundled": true, "packages": {"psycopg2": "2.9", "pgbench": "17.11"}}'
    facts = driver_facts(Finished(0, f'{{"client": {client}}}', "", 0.3))
    assert facts == {"libpq": 170011, "libpq_bundled": True, "pgbench": "17.11"}


OPERATIONS = {
    "fetch": AskedOperations(2_000, 100, 444_000, "22200:5", DATA.digest),
    "transaction": AskedOperations(4_000, 100, 4_000, None, "geo:100:3;data:26300:4"),
    "wait": AskedOperations(2_000, 100, 2_000, "100:6", DATA.digest),
}
READ = replace(DATA, workloads=OPERATIONS)
FETCHED = replace(DONE, answers="22200:5", geo_scans=2_100, elements_read=466_200)
CHANGED = Work("geo:100:3;data:26300:4", 26_300, 22_520, 100, 4_000, geo_scans=4_100, geo_updated=4_100)


@pytest.mark.parametrize(
    ("workload", "done", "differences"),
    [
        ("fetch", FETCHED, []),
        (
            "fetch",
            replace(FETCHED, answers="22100:5"),
            ["answers: 100 operations returned 22100 of 22200 rows"],
        ),
        (
            "fetch",
            replace(FETCHED, answers="22200:4"),
            ["answers: 100 operations returned other values than the files hold (digests differ)"],
        ),
        ("fetch", replace(FETCHED, answers=None), ["answers: 100 operations returned 0 of 22200 rows"]),
        ("fetch", replace(FETCHED, geo_scans=2_099), ["scans of geo_record: 2099 of 2100 at least"]),
        ("fetch", replace(FETCHED, elements_read=None), ["data elements read: None of 466200 at least"]),
        ("fetch", replace(FETCHED, digest="geo:100:1;data:22200:3"), [OTHER_VALUES]),
        ("transaction", CHANGED, []),
        ("transaction", replace(CHANGED, geo_updated=4_000), ["geo records updated: 4000 of 4100 at least"]),
        ("transaction", replace(CHANGED, digest=DATA.digest, rows=22_200), ["rows: 22200 of 26300"]),
        ("wait", replace(DONE, answers="100:6"), []),
    ],
)
def test_operations_are_judged_by_what_they_return_and_change(
    workload: str, done: Work, differences: list[str], threaded: Cell
) -> None:
    assert find_differences(done, READ, EXACTLY, replace(threaded, workload=workload)) == differences


def test_pgbench_may_change_other_geo_records_but_as_many(threaded: Cell) -> None:
    pgbench = replace(threaded, loader="ceiling_pgbench", workload="transaction")
    assert find_differences(replace(CHANGED, digest="geo:100:-9;data:26300:8"), READ, EXACTLY, pgbench) == []
    assert len(find_differences(replace(CHANGED, digest="geo:99:-9;data:26300:8"), READ, EXACTLY, pgbench)) == 1
    fetching = replace(pgbench, workload="fetch")
    assert find_differences(replace(FETCHED, elements_read=400_000), READ, EXACTLY, fetching) == []


def operated(**changes: Any) -> dict[str, Any]:
    data = {"rows": 2_000, "operations": 2_000, "wall_s": 1.1, **changes}
    return {"workload": "wait", "client": {}, "phases": {"data": data}, "work": {"checked": 100}}


def test_a_report_of_operations_says_what_was_asked_for(threaded: Cell) -> None:
    waiting = replace(threaded, workload="wait")
    assert find_contradictions(operated(), waiting, READ) == []
    assert find_contradictions(operated(operations=1_999), waiting, READ) == ["operations: 1999, not 2000"]
    assert find_contradictions({**operated(), "workload": "fetch"}, waiting, READ) == ["workload: fetch, not wait"]


def test_operations_that_wait_take_their_time(threaded: Cell) -> None:
    found = find_contradictions(operated(wall_s=0.99), replace(threaded, workload="wait"), READ)
    assert found == ["phase data: too short, not 1 s at least"]
