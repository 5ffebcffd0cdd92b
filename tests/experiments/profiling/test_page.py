"""The page of an explained cell: true sentences, every table, and a reason where an instrument saw nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.matrix.cell import Cell, read_cell
from experiments.profiling.files import (
    LARGEST_CAMPAIGN_BYTES,
    LARGEST_FILE_BYTES,
    file_name,
    find_campaign_of,
    has_cell,
    write_explanation,
)
from experiments.profiling.page import explanation_page, pictures_of
from experiments.profiling.sentences import describe_time
from experiments.profiling.thread_time import ThreadTime
from experiments.records.description import Description
from experiments.records.folder import create
from experiments.records.record import Connections, Record
from tests.experiments.made_explanations import CALL, INSERT, make_explanation
from tests.experiments.older_cells import without

Make = Callable[..., Record]


def test_the_sentences_are_of_the_numbers(make_record: Make) -> None:
    assert list(describe_time(make_explanation(make_record))) == [
        "10,000 rows/s are one every 100.0 µs. The client computed for 25.0 of them, 20.0 in Python and its driver "
        "and 5.0 in the kernel on their behalf: it had a core busy for 25% of the time.",
        "The server executed an INSERT in 32.8 µs (mean of 22,200).",
        "Of its time each of the 20 workers spent 1.4% running, 10% waiting for the GIL and 89% waiting for the "
        "server.",
        "Of the time in which it ran, or was ready to, it spent 90% in `insert_elements` at the line "
        "`cursor.execute(INSERT_ELEMENT, values)` and 10% in `Condition.wait` (threading.py).",
        "The client made 3.1 system calls per row (1.01 sendto, 1.01 recvfrom, 1.00 poll and 0.07 futex) and 1.10 "
        "context switches.",
    ]


def test_of_another_workload_costs_and_rates_are_of_operations(make_record: Make) -> None:
    explanation = make_explanation(make_record)
    record = explanation.record
    assert record.phases is not None
    data = replace(record.phases["data"], operations=record.phases["data"].rows // 10)
    cell = replace(record.cell, workload="fetch")
    record = replace(record, cell=cell, phases={**record.phases, "data": data}, operations_per_s=1_000.0)
    page = explanation_page(replace(explanation, record=record), "cell", [])
    assert "1,000 operations/s are one every 1000.0 µs. The client computed for 250.0 of them" in page
    assert "3.1 system calls per operation (1.01 sendto, 1.01 recvfrom, 1.00 poll and 0.07 futex) and 11.00 con" in page
    headings = [line.split("|")[2].strip() for line in page.splitlines() if line.startswith(("| what", "| with"))]
    assert headings == ["per operation", "operations/s"]
    assert not re.search(r"rows/s|per row", page)


def test_of_a_compiled_loop_the_sentence_names_the_loop(make_record: Make) -> None:
    states = ThreadTime({"running": 0.5, "ready": 0.0, "gil": 0.0, "server": 0.5, "lock": 0.0, "else": 0.0}, 90, 1)
    lag = {"p50": 0.0002, "p95": 0.012, "max": 0.05, "count": 90}
    changes = {"loop": "uvloop", "runtime": "tasks", "busy": {(CALL,): 200}, "threads": states, "lag_s": lag}
    told = list(describe_time(make_explanation(make_record, **changes)))
    assert told[2] == (
        "Of its time the one thread that does everything spent 50% running and 50% waiting for the server. (Waiting "
        "for the server here means having nothing to do for any connection.)"
    )
    assert "100% in the compiled code of uvloop and what it calls." in told[3]
    assert told[5] == (
        "The event loop got round to a callback within 0.20 ms in the median, 12 ms in 95% of cases, and 50 ms at the "
        "latest."
    )


def test_what_the_server_saw_of_the_connections_is_told(make_record: Make) -> None:
    waits = {"IO:WalSync": 0.2, "CPU": 0.11}
    connections = Connections(samples=9, active=0.31, idle=0.69, idle_in_transaction=0.0, waits=waits)
    explanation = make_explanation(make_record)
    told = list(describe_time(replace(explanation, record=replace(explanation.record, connections=connections))))
    assert told[2] == (
        "The server saw 31% of the connections at a statement (20% IO:WalSync and 11% on the CPU) and 69% idle."
    )


def test_few_samples_are_said_to_be_few(make_record: Make) -> None:
    told = list(describe_time(make_explanation(make_record, busy={(CALL, INSERT): 9})))
    assert told[3].endswith("(From 9 samples only; more records give more.)")


def test_the_page_has_every_section(make_record: Make) -> None:
    page = explanation_page(make_explanation(make_record), "cell", ["busy.svg", "busy.speedscope.json"])
    assert re.findall(r"^#+ (.*)$", page, re.MULTILINE) == [
        "Why: row_by_row_threaded, pool 20",
        "Where the time went",
        "Whose code",
        "What the workers did",
        "What the server did",
        "System calls and context switches",
        "What the instruments cost",
    ]
    for cells in (
        ["the hot loop", "90%", "100%"],
        [
            "`insert_elements`",
            "bigdata/loaders/psycopg2.py:95",
            "90%",
            "100%",
            "`cursor.execute(INSERT_ELEMENT, values)`",
        ],
        ["waiting for the GIL", "10%"],
        ["… futex", "0.07"],
        ["… others", "0.05"],
        ["context switches, voluntary", "1.00"],
        ["py-spy", "8,000", "-20%"],
    ):
        assert re.search(r"\|\s*".join(["", *(re.escape(cell) + r"\s*" for cell in cells), ""]), page), cells
    assert "![Flame graph of the hot loops, running](cell/busy.svg)" in page
    assert "(cell/busy.speedscope.json)" in page
    assert "gil.svg" not in page


def test_transactions_of_the_harness_itself_are_not_the_workload_s(make_record: Make) -> None:
    explanation = make_explanation(make_record)
    assert "BEGIN" not in explanation_page(explanation, "cell", [])
    cell = replace(explanation.record.cell, transaction="per_record")
    committed = replace(explanation, record=replace(explanation.record, cell=cell))
    assert "BEGIN" in explanation_page(committed, "cell", [])


def test_what_no_instrument_saw_has_its_reason_instead(make_record: Make) -> None:
    changes = dict.fromkeys(("busy", "gil", "threads", "calls", "statements", "lag_s"), "a reason")
    explanation = make_explanation(make_record, runtime="tasks", loop="uvloop", files={}, **changes)
    page = explanation_page(explanation, "cell", [])
    assert page.count("ot known: a reason.") == 5
    assert "System calls are not known: a reason.\n" in page
    assert pictures_of(explanation) == {}


def test_without_a_lock_on_threads_there_is_one_column(make_record: Make) -> None:
    page = explanation_page(make_explanation(make_record, gil="there is no GIL in this cell"), "cell", [])
    assert "Holding the GIL: not known: there is no GIL in this cell.\n" in page
    assert "| whose code" in page


def test_names_are_the_same_for_the_same_cell_and_others_for_another(threaded: Cell, uvloop_cell: Cell) -> None:
    assert file_name(threaded) == ("row_by_row_threaded-pool-20-python-3.13-postgresql-default-data-ny-cores-split")
    assert file_name(uvloop_cell) != file_name(threaded)


def test_a_campaign_of_before_an_axis_has_the_cell_too(description: Description, threaded: Cell) -> None:
    assert has_cell(description, threaded)
    assert not has_cell(description, replace(threaded, poolsize=7))
    older = [read_cell(without(shown.cell, "gil")) for shown in description.cells]
    cells = tuple(replace(shown, cell=cell) for shown, cell in zip(description.cells, older, strict=True))
    assert has_cell(replace(description, cells=cells), threaded)


def test_a_cell_that_could_not_run_has_not_been_measured(description: Description, uvloop_cell: Cell) -> None:
    assert not has_cell(description, replace(uvloop_cell, loop="asyncio"))


def test_the_first_campaign_that_has_the_cell_is_chosen(
    tmp_path: Path, description: Description, threaded: Cell
) -> None:
    without = create(tmp_path, replace(description, campaign="newest", cells=()))
    newer, older = (create(tmp_path, replace(description, campaign=name)) for name in ("newer", "older"))
    assert find_campaign_of(threaded, [without, newer, older]) is newer
    assert find_campaign_of(threaded, [without]) is None


def test_page_and_files_replace_those_of_before(tmp_path: Path, make_record: Make, threaded: Cell) -> None:
    write_explanation(tmp_path, threaded, make_explanation(make_record, files={"old.json": "{}"}))
    page = write_explanation(tmp_path, threaded, make_explanation(make_record))
    assert page == tmp_path / "explained" / f"{file_name(threaded)}.md"
    there = sorted(file.name for file in (tmp_path / "explained" / file_name(threaded)).iterdir())
    assert there == ["busy.speedscope.json", "busy.svg", "gil.svg"]


@pytest.mark.parametrize("taken", [0, LARGEST_CAMPAIGN_BYTES])
def test_what_is_too_large_is_left_out(tmp_path: Path, make_record: Make, threaded: Cell, taken: int) -> None:
    (tmp_path / "runs.jsonl").write_bytes(b"x" * taken)
    large = "x" * (LARGEST_FILE_BYTES + 1)
    page = write_explanation(tmp_path, threaded, make_explanation(make_record, files={"busy.speedscope.json": large}))
    assert "busy.speedscope.json" not in page.read_text()
    assert ("busy.svg" in page.read_text()) == (taken == 0)


def test_a_frame_with_a_bar_in_it_does_not_break_the_table(make_record: Make) -> None:
    source = {(INSERT.file, INSERT.line): "a | b"}
    page = explanation_page(make_explanation(make_record, source=source, busy={(INSERT,): 200}), "cell", [])
    assert "`a \\| b`" in page
