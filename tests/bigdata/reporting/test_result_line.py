"""The report of a run, and what it says of the process."""

from __future__ import annotations

import sys
import sysconfig
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from bigdata.measurement import measure
from bigdata.measurement.control_group import Throttling
from bigdata.measurement.measure import Measured, PhaseClock, Usage, peak_rss_bytes
from bigdata.measurement.tally import Taken
from bigdata.registry import LOADERS, TypedInserts, expected_transactions, preparing_transactions
from bigdata.reporting import result_line
from bigdata.reporting.result_line import client_report, package_versions, phase_report

DATA = Measured(rows=222, wall_s=0.5, usage=Usage(0.25, 0.125, 30, 4), started_s=1000.25, ended_s=1000.75)


def test_a_phase_is_reported_with_its_units() -> None:
    times = {
        "rows": 222,
        "wall_s": 0.5,
        "user_s": 0.25,
        "system_s": 0.125,
        "started_s": 1000.25,
        "ended_s": 1000.75,
        "run_queue_s": None,
    }
    assert phase_report(DATA) == {**times, "throttled_periods": None, "throttled_s": None, "throttling_quota": None}
    throttled = replace(DATA, throttling=Throttling(5, 3, 0.2, 0.5))
    assert phase_report(throttled) == {**times, "throttled_periods": 3, "throttled_s": 0.2, "throttling_quota": 0.5}


def test_the_client_is_described_with_the_switches_of_the_data_phase() -> None:
    report = client_report(LOADERS["row_by_row_threaded"], None, DATA)
    assert (report["voluntary_switches"], report["involuntary_switches"]) == (30, 4)
    assert report["cpu_s"] > 0
    assert report["implementation"] == "CPython"
    assert report["switch_interval_s"] == sys.getswitchinterval()
    assert report["packages"]["psycopg2"][0].isdigit()
    assert " " not in report["packages"]["psycopg2"]


def test_the_client_tells_how_evenly_its_workers_loaded_and_how_long_records_took() -> None:
    taken = [Taken(0, [], {}), Taken(222, [0.5], {})]
    report = client_report(LOADERS["row_by_row_threaded"], None, DATA, taken=taken)
    assert report["rows_per_worker"] == {"smallest": 0, "largest": 222}
    assert report["record_latency_s"] == {"p50": 0.5, "p95": 0.5, "p99": 0.5}
    untold = client_report(LOADERS["row_by_row_threaded"], None, DATA)
    assert (untold["rows_per_worker"], untold["record_latency_s"]) == (None, None)


def test_a_build_is_described_by_what_it_was_configured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": "'--with-lto'", "Py_GIL_DISABLED": 1}.get)
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    monkeypatch.setattr(
        sys, "_jit", SimpleNamespace(is_available=lambda: True, is_enabled=lambda: False), raising=False
    )
    monkeypatch.setenv("PYTHON_GIL", "0")
    report = client_report(LOADERS["row_by_row_threaded"], None, DATA)
    told = ("free_threaded", "gil_enabled", "gil_requested", "optimized_build", "lto", "jit")
    assert {name: report[name] for name in told} == {
        "free_threaded": True,
        "gil_enabled": False,
        "gil_requested": "0",
        "optimized_build": False,
        "lto": True,
        "jit": False,
    }


@pytest.mark.parametrize("mapped", ["7f00-7f01 r-xp 00 08:01 9 /usr/lib/libpython3.13.so.1.0", "7f00 /usr/bin/python3"])
def test_an_executable_beside_the_sysconfig_of_another_build_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mapped: str
) -> None:
    """Debian's executable is static and optimized; its sysconfig is that of the shared library, built without."""
    maps = tmp_path / "maps"
    maps.write_text(mapped)
    monkeypatch.setattr(result_line, "MAPS", maps)
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": "'--enable-shared'", "Py_ENABLE_SHARED": 1}.get)
    report = client_report(LOADERS["row_by_row_threaded"], None, DATA)
    said = False if "libpython" in mapped else None
    assert (report["optimized_build"], report["lto"]) == (said, said)


def test_a_python_that_cannot_do_without_its_lock_and_has_no_jit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": "'--enable-optimizations'"}.get)
    monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    monkeypatch.delattr(sys, "_jit", raising=False)
    monkeypatch.delenv("PYTHON_GIL", raising=False)
    report = client_report(LOADERS["row_by_row_threaded"], None, DATA)
    assert (report["free_threaded"], report["gil_enabled"], report["gil_requested"]) == (False, True, None)
    assert (report["optimized_build"], report["lto"], report["jit"]) == (True, False, None)


@pytest.mark.parametrize(
    ("loader", "libpq", "implementations"),
    [
        ("row_by_row_threaded", True, {None}),
        ("row_by_row_psycopg_threaded", True, {"binary", "c", "python"}),
        ("row_by_row_asyncpg", False, {None}),
    ],
)
def test_the_driver_says_which_libpq_it_stands_on(loader: str, libpq: bool, implementations: set[str | None]) -> None:
    report = client_report(LOADERS[loader], None, DATA)
    assert (report["libpq"] is not None) == (report["libpq_bundled"] is not None) == libpq
    assert report["libpq"] is None or report["libpq"] > 90000
    assert report["driver_implementation"] in implementations


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


def test_a_pipeline_is_one_transaction_and_preparing_apart_takes_more() -> None:
    loader = LOADERS["row_by_row_psycopg_threaded"]
    expected = partial(expected_transactions, loader, geo_records=10, data_records=10, rows=2220, poolsize=5)
    assert expected(autocommit=True) == 10 + 20 + 2220 + 5
    assert expected(autocommit=True, executemany=True) == 10 + 20 + 10 + 5
    assert expected(autocommit=False, executemany=True) == 20 + 5
    inserts = TypedInserts(geo=(1, 9), data=(20, 2200))
    more = partial(preparing_transactions, inserts=inserts, data_records=10, poolsize=5)
    assert more(loader, autocommit=True, protocol="prepared") == range(6, (1 + 5) + 2 * 5 + 2 * 5 + 1)
    assert more(loader, autocommit=True, protocol="prepared", executemany=True) == range(4, (1 + 5) + 2 * 5 + 1)
    assert more(loader, autocommit=True, protocol="prepared", poolsize=1) == range(6, 7)
    assert more(loader, autocommit=True, protocol="extended") == range(1)
    assert more(loader, autocommit=False, protocol="prepared") == range(1)
    assert more(LOADERS["row_by_row_asyncpg"], autocommit=True, protocol="prepared") == range(1)


def test_ids_of_geo_records_that_are_too_big_for_a_smallint_are_of_another_type() -> None:
    inserts = TypedInserts(geo=(32_768,), data=(1, 500_000))
    loader = LOADERS["row_by_row_psycopg_threaded"]
    more = preparing_transactions(
        loader, inserts, data_records=32_768, poolsize=5, autocommit=True, protocol="prepared"
    )
    assert more == range(5, 5 + 2 * 5 + 1 + 10 + 1)


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
