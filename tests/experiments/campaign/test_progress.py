from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console

from experiments.campaign.progress import Bar, PlainLines, TimeLeft, choose_reporter
from experiments.matrix.cell import Cell
from experiments.matrix.plan import PlannedRun
from experiments.records.record import Record

LABEL = "row_by_row_threaded, pool 20, Python 3.13, PostgreSQL default, data ny, cores split"


def runs(cell: Cell, number: int) -> list[PlannedRun]:
    """So many runs of one cell."""
    return [PlannedRun(cell, "a", block, 1) for block in range(1, number + 1)]


def test_time_left_knows_what_each_cell_takes(threaded: Cell, uvloop_cell: Cell) -> None:
    now = [10.0]
    left = TimeLeft(clock=lambda: now[0])
    left.expect([*runs(threaded, 3), *runs(uvloop_cell, 2)])
    assert str(left) == "time left not known yet"
    now[0] = 12.0
    left.count(threaded)
    # The other cell is taken for what all took.
    assert str(left) == "8 s left"
    now[0] = 32.0
    left.count(uvloop_cell)
    assert str(left) == "24 s left"
    # More is added, and the time until then was no run's.
    now[0] = 1000.0
    left.expect([*runs(threaded, 1), *runs(uvloop_cell, 1)])
    assert str(left) == "22 s left"
    now[0] = 1004.0
    left.count(threaded)
    assert str(left) == "20 s left"


def test_the_number_of_runs_can_grow(threaded: Cell, make_record: Callable[..., Record]) -> None:
    lines: list[str] = []
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=200, color_system=None)
    with Bar(console, clock=lambda: 0.0) as bar, PlainLines(lines.append, clock=lambda: 0.0) as plain:
        for reporter in (bar, plain):
            for done in (0, 1):
                reporter.begin(runs(threaded, 1), done)
                reporter.begin_run(
                    PlannedRun(threaded, "a", 1, 1), f"block {done + 11} (until 5%)", "14 min of the budget left"
                )
                reporter.end_run(make_record())
    assert [line.partition(" row")[0] for line in lines] == [
        "[1/1] block 11 (until 5%):",
        "[2/2] block 12 (until 5%):",
    ]
    assert all(line.endswith("; 0 s left, 14 min of the budget left") for line in lines)
    shown = text.getvalue()
    assert " | 14 min of the budget left" in shown
    assert shown.index("1/1 ") < shown.index("1/2 ") < shown.index("2/2 ")
    assert "block 12 (until 5%), 0 s left | row_by_row" in shown


def test_plain_lines_say_run_block_cell_result_and_time_left(
    threaded: Cell, make_record: Callable[..., Record], make_failure: Callable[..., Record]
) -> None:
    lines: list[str] = []
    now = [0.0]
    with PlainLines(lines.append, clock=lambda: now[0]) as reporter:
        reporter.tell("preparing data ny")
        reporter.begin(runs(threaded, 11), done=1)
        reporter.begin_run(PlannedRun(threaded, "a", 2, 1), "block 2/10")
        now[0] = 3.0
        reporter.end_run(make_record(rows_per_s=14_726.1))
        reporter.begin_run(PlannedRun(threaded, "b", 2, 2), "block 2/10")
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
        reporter.begin(runs(threaded, 3), done=0)
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), "block 1/1")
        reporter.end_run(make_record(rows_per_s=14_726.1))
        reporter.begin_run(PlannedRun(threaded, "b", 1, 2), "block 1/1")
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
        reporter.begin(runs(threaded, 150), done=100)
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), "block 1/10")
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
        reporter.begin(runs(threaded, 150), done=100)
        now[0] = 3.0
        reporter.end_run(make_record(rows_per_s=14_726.1))
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), "block 1/10")
    last = text.getvalue().split("\r")[-1]
    assert "block 1/10, 7 min left | row_by_row_threaded, pool 20" in last


def test_when_all_runs_have_ended_no_time_is_left(threaded: Cell, make_record: Callable[..., Record]) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    with Bar(console, clock=lambda: 0.0) as reporter:
        reporter.begin(runs(threaded, 1), done=0)
        reporter.begin_run(PlannedRun(threaded, "a", 1, 1), "block 1/1")
        reporter.end_run(make_record(rows_per_s=14_726.1))
    assert "1/1       0 s left | last: 14,726 rows/s" in text.getvalue().split("\r")[-1]


def test_there_is_a_bar_on_a_terminal_only() -> None:
    assert isinstance(choose_reporter(Console(file=io.StringIO(), force_terminal=False)), PlainLines)
    assert isinstance(choose_reporter(Console(file=io.StringIO(), force_terminal=True)), Bar)
