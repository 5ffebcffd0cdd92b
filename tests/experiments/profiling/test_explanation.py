"""What the instruments wrote, read back."""

from __future__ import annotations

import json

import pytest

from experiments.profiling.explanation import Calls, StatementUse, per_row, read_counts, read_uses, report_units

PERF = """\
# started on Mon Nov 23 05:58:06 2026

80668,,raw_syscalls:sys_enter,585982304,100.00,,
1242,,syscalls:sys_enter_futex,585982304,100.00,,
<not counted>,,syscalls:sys_enter_poll,0,0.00,,
"""
STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 96.64  132.422993         478    276936     36377 futex
  1.50    2.049687          82     24890           poll
------ ----------- ----------- --------- --------- ------------------
100.00  137.027112         409    301826     36377 total
"""
INSERT = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES ($1, $2, $3)"


def test_perf_and_strace_are_read() -> None:
    assert read_counts("perf", PERF) == {"all": 80668, "futex": 1242}
    assert read_counts("strace", STRACE) == {"all": 301826, "futex": 276936, "poll": 24890}


@pytest.mark.parametrize("tool", ["perf", "strace"])
def test_a_tool_that_counted_nothing_is_named(tool: str) -> None:
    with pytest.raises(ValueError, match=f"{tool} counted nothing"):
        read_counts(tool, "perf: Permission denied\n")


def test_what_both_loads_take_falls_out() -> None:
    more, fewer = {"all": 5000, "sendto": 1100, "mmap": 300}, {"all": 1000, "sendto": 100, "mmap": 300}
    assert per_row("perf", more, fewer, units=1000) == Calls("perf", 4.0, {"sendto": 1.0})


def test_statements_of_one_text_are_one_and_strangers_are_left_out() -> None:
    rows = [
        {"text": INSERT, "calls": 10, "total_ms": 1.0},
        {"text": f"{INSERT} ;", "calls": 30, "total_ms": 1.0},
        {"text": "TRUNCATE data_element", "calls": 1, "total_ms": 50.0},
        {"text": "BEGIN", "calls": 4, "total_ms": 0.004},
    ]
    assert read_uses(json.dumps(rows)) == (StatementUse(INSERT, 40, 50.0), StatementUse("BEGIN", 4, 1.0))


def test_rows_of_both_phases_count() -> None:
    assert report_units({"phases": {"geo": {"rows": 10}, "data": {"rows": 2220}}}) == 2230


def test_operations_count_where_there_are_any_checked_ones_too() -> None:
    phases = {"check": {"rows": 8880}, "data": {"rows": 22200, "operations": 100}}
    assert report_units({"phases": phases, "work": {"checked": 40}}) == 140
