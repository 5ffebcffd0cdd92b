from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console

from experiments.cells import Cell
from experiments.plan import PlannedRun
from experiments.progress import Bar, PlainLines, choose_reporter
from experiments.records import Record

LABEL = "row_by_row_threaded, pool 20, Python 3.13, PostgreSQL default, data ny, cores split"


def test_plain_lines_say_run_block_cell_result_and_time_left(
    threaded: Cell, make_record: Callable[..., Record], make_failure: Callable[..., Record]
) -> None:
    lines: list[str] = []
    now = [0.0]
    with PlainLines(lines.append, clock=lambda: now[0]) as reporter:
        reporter.tell("preparing data ny")
        reporter.begin(planned=12, done=1)
        reporter.begin_run(PlannedRun(threaded, "a", 2, 1), repeats=10)
        now[0] = 3.0
        reporter.end_run(make_record(rows_per_s=14_726.1))
        reporter.begin_run(PlannedRun(threaded, "b", 2, 2), repeats=10)
        now[0] = 4.0
        reporter.end_run(make_failure(status="failed", reason="run: error: lost"))
    assert lines == [
        "preparing data ny",
        f"[2/12] block 2/10: {LABEL}: 14,726 rows/s; 30 s left",
        f"[3/12] block 2/10: {LABEL} (baseline again): failed: run: error: lost; 18 s left",
    ]


def test_the_bar_shows_cell_block_and_last_result_and_failures_stay(
    threaded: Cell, make_record: Callable[..., Record], make_failure: Callable[..., Record]
) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=200, color_system=None)
    with Bar(console, clock=lambda: 0.0) as reporter:
        reporter.begin(planned=3, done=0)
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), repeats=1)
        reporter.end_run(make_record(rows_per_s=14_726.1))
        reporter.begin_run(PlannedRun(threaded, "b", 1, 2), repeats=1)
        reporter.end_run(make_failure(status="failed", reason="run: [error]: lost"))
    shown = text.getvalue()
    assert f"block 1/1, time left not known yet | {LABEL}" in shown
    assert "last: 14,726 rows/s" in shown
    assert "failed: row_by_row_threaded, block 1: run: [error]: lost" in shown
    assert "2/3" in shown


def test_on_a_narrow_terminal_the_numbers_stay_whole(threaded: Cell, make_record: Callable[..., Record]) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    with Bar(console, clock=lambda: 0.0) as reporter:
        reporter.begin(planned=250, done=100)
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), repeats=10)
    last = text.getvalue().split("\r")[-1]
    assert "100/250 " in last
    assert "block 1/10, time left not known yet" in last


def test_on_a_narrow_terminal_the_cell_that_runs_can_be_seen(
    threaded: Cell, make_record: Callable[..., Record]
) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    now = [0.0]
    with Bar(console, clock=lambda: now[0]) as reporter:
        reporter.begin(planned=250, done=100)
        now[0] = 3.0
        reporter.end_run(make_record(rows_per_s=14_726.1))
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), repeats=10)
    last = text.getvalue().split("\r")[-1]
    assert "block 1/10, 7 min left | row_by_row_threaded, pool 20" in last


def test_when_all_runs_have_ended_no_time_is_left(threaded: Cell, make_record: Callable[..., Record]) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    with Bar(console, clock=lambda: 0.0) as reporter:
        reporter.begin(planned=1, done=0)
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), repeats=1)
        reporter.end_run(make_record(rows_per_s=14_726.1))
    assert "1/1       0 s left | last: 14,726 rows/s" in text.getvalue().split("\r")[-1]


def test_there_is_a_bar_on_a_terminal_only() -> None:
    assert isinstance(choose_reporter(Console(file=io.StringIO(), force_terminal=False)), PlainLines)
    assert isinstance(choose_reporter(Console(file=io.StringIO(), force_terminal=True)), Bar)
