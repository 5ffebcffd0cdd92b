from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from experiments.analysis.summary import summarize_campaign
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.page.cells import MOST_RUNS, Facts, PageRun, collect_cells


def test_a_run_names_its_line_and_what_happened_in_it(
    description: Description, make_record: Callable[..., Record], make_failure: Callable[..., Record]
) -> None:
    records = [
        make_failure(status="failed", reason="killed", interrupted=True),
        make_record(rows_per_s=2000.0),
        make_record(block=2, rows_per_s=1000.0, resumed=True),
    ]
    cells = collect_cells(summarize_campaign(Campaign(description, records)), 0, Facts())
    started = "2026-11-22T14:31:07Z"
    assert cells["sha256:row_by_row_threaded", "a"].runs == (
        PageRun(1, 1, "failed", False, None, None, started, "killed; interrupted"),
        PageRun(2, 1, "ok", True, 2000.0, 125.0, started, ""),
        PageRun(3, 2, "ok", True, 1000.0, 250.0, started, "resumed"),
    )
    assert cells["sha256:row_by_row_asyncio", "a"].runs == ()


def test_of_more_runs_than_a_page_holds_it_lists_the_last(
    description: Description, make_record: Callable[..., Record]
) -> None:
    records = [make_record(block=block) for block in range(1, MOST_RUNS + 3)]
    whole = summarize_campaign(Campaign(description, records))
    cell = collect_cells(whole, 0, Facts())["sha256:row_by_row_threaded", "a"]
    assert (cell.attempts, len(cell.runs)) == (MOST_RUNS + 2, MOST_RUNS)
    assert (cell.runs[0].line, cell.runs[-1].line) == (3, MOST_RUNS + 2)


def test_a_cell_has_its_command_versions_and_settings(
    description: Description, make_record: Callable[..., Record]
) -> None:
    key = f"sha256:{'0123456789abcdef' * 4}"
    cells = (replace(description.cells[0], cell_key=key), *description.cells[1:])
    campaign = Campaign(replace(description, cells=cells), [make_record(cell_key=key)])
    facts = Facts()
    cell = collect_cells(summarize_campaign(campaign), 0, facts)[key, "a"]
    assert cell.command == "nox -s matrix -- --reproduce 2026-11-22T1430-local --cell 0123456789ab"
    texts = list(facts.known)
    assert [texts[place] for place in cell.facts] == [
        ("Commit", "0123abc"),
        ("Python", "CPython 3.13.0, of April"),
        ("Packages", "psycopg2 2.9.11"),
        ("Requirements", "sha256:1"),
        ("PostgreSQL", "17.11 on disk"),
        ("Settings", "max_connections=30"),
        ("Cores", "loader on core 0, server on cores 1-2"),
        ("Data", "22,200 rows; digest geo:100:1;data:22200:2"),
    ]


def test_a_fact_of_several_cells_is_kept_once() -> None:
    facts = Facts()
    assert [facts.place("Python", "3.13"), facts.place("Python", "3.14"), facts.place("Python", "3.13")] == [0, 1, 0]
