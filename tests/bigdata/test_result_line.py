"""The report of a run, and what it says of the process."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from bigdata import measure
from bigdata.control_group import Throttling
from bigdata.measure import Measured, PhaseClock, Usage, peak_rss_bytes
from bigdata.registry import LOADERS, expected_transactions
from bigdata.result_line import client_report, package_versions, phase_report

DATA = Measured(rows=222, wall_s=0.5, usage=Usage(0.25, 0.125, 30, 4))


def test_a_phase_is_reported_with_its_units() -> None:
    times = {"rows": 222, "wall_s": 0.5, "user_s": 0.25, "system_s": 0.125}
    assert phase_report(DATA) == {**times, "throttled_periods": None, "throttled_s": None}
    throttled = replace(DATA, throttling=Throttling(5, 3, 0.2))
    assert phase_report(throttled) == {**times, "throttled_periods": 3, "throttled_s": 0.2}


def test_the_client_is_described_with_the_switches_of_the_data_phase() -> None:
    report = client_report(LOADERS["row_by_row_threaded"], None, DATA)
    assert (report["voluntary_switches"], report["involuntary_switches"]) == (30, 4)
    assert report["cpu_s"] > 0
    assert report["implementation"] == "CPython"
    assert report["gil_enabled"] is True
    assert report["packages"]["psycopg2"][0].isdigit()
    assert " " not in report["packages"]["psycopg2"]


def test_the_loop_is_among_the_packages() -> None:
    assert list(package_versions(LOADERS["row_by_row_asyncio"], "uvloop")) == ["aiopg", "psycopg2", "uvloop"]


def test_a_clock_measures_from_start_to_stop() -> None:
    clock = PhaseClock()
    clock.start()
    time.sleep(0.05)
    measured = clock.stop(7)
    assert measured.rows == 7
    assert 0.05 <= measured.wall_s < 5
    assert measured.usage.voluntary_switches >= 1


@pytest.mark.parametrize(
    ("before", "now", "counted"),
    [
        (None, None, None),
        (None, Throttling(4, 3, 0.25), Throttling(4, 3, 0.25)),
        (Throttling(4, 3, 0.25), Throttling(10, 5, 0.75), Throttling(6, 2, 0.5)),
    ],
)
def test_a_clock_counts_how_often_the_process_was_throttled_meanwhile(
    before: Throttling | None, now: Throttling | None, counted: Throttling | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([before, now])
    monkeypatch.setattr(measure, "read_throttling", lambda: next(readings))
    clock = PhaseClock()
    clock.start()
    assert clock.stop(7).throttling == counted


def test_the_peak_of_memory_is_in_bytes() -> None:
    assert 5_000_000 < peak_rss_bytes() < 5_000_000_000


@pytest.mark.parametrize(("autocommit", "transactions"), [(True, 100 + 2 * 100 + 22200 + 40), (False, 200 + 40)])
def test_transactions_are_one_per_statement_or_one_per_record(autocommit: bool, transactions: int) -> None:
    expected = expected_transactions(
        LOADERS["row_by_row_asyncio"],
        geo_records=100,
        data_records=100,
        rows=22200,
        poolsize=20,
        autocommit=autocommit,
    )
    assert expected == transactions
