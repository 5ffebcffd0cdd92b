"""A made-up explanation, of a cell of which every instrument saw something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from experiments.profiling.explanation import Calls, Explanation, StatementUse
from experiments.profiling.stacks import Frame
from experiments.profiling.thread_time import ThreadTime
from experiments.records.record import Client, Record

CALL = Frame("Job.call", "bigdata/runtimes/job.py", 107)
INSERT = Frame("insert_elements", "bigdata/loaders/psycopg2.py", 95)
WAIT = Frame("Condition.wait", "threading.py", 359)
SQL = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES ($1, $2, $3)"
STATES = {"running": 0.014, "ready": 0.0, "gil": 0.1, "server": 0.886, "lock": 0.0, "else": 0.0}


def make_explanation(make_record: Callable[..., Record], **changes: Any) -> Explanation:
    """Of the record of a run at 10,000 rows/s."""
    client = Client("3.13.0", "CPython", True, True, {}, voluntary_switches=22_200, involuntary_switches=2_220)
    explanation = Explanation(
        label="row_by_row_threaded, pool 20",
        made_at="2026-11-23T06:13:06Z",
        runtime="threads",
        loop=None,
        modules=("psycopg2",),
        record=make_record(client=client),
        rows_per_s={"py-spy": 8_000.0, "perf": 10_000.0},
        busy={(CALL, INSERT): 90, (CALL, INSERT, WAIT): 10},
        gil={(CALL, INSERT): 50},
        threads=ThreadTime(STATES, 164, 20),
        calls=Calls("perf", 3.14, {"sendto": 1.01, "recvfrom": 1.01, "poll": 1.0, "futex": 0.07}),
        lag_s="the loader has no event loop",
        statements=(StatementUse(SQL, 22_200, 32.84), StatementUse("BEGIN", 3, 1.4)),
        files={"busy.speedscope.json": "{}"},
        source={(INSERT.file, INSERT.line): "cursor.execute(INSERT_ELEMENT, values)"},
    )
    return replace(explanation, **changes)
