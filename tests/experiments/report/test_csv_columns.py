"""What the CSV says of the client: medians of the runs that count, and nothing where nothing was recorded."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.tables import csv_table
from tests.experiments.made_summaries import modelled


def told(record: Record, **client: Any) -> Record:
    assert record.client is not None
    return replace(record, client=replace(record.client, **client))


def first_row(description: Description, records: list[Record]) -> Mapping[str, str]:
    return next(csv.DictReader(io.StringIO(csv_table(*modelled(description, records, description.experiments[0])))))


def columns(row: Mapping[str, str], *starts: str) -> dict[str, str]:
    return {name: value for name, value in row.items() if name.startswith(starts)}


def test_latency_fairness_and_switches_are_medians_of_the_runs_that_count(
    description: Description, make_record: Callable[..., Record]
) -> None:
    records = [
        told(
            make_record(block=block),
            record_latency_s={"p50": 0.01 * block, "p95": 0.02 * block, "p99": 0.04 * block},
            rows_per_worker={"smallest": 222 * block, "largest": 61_939 * block},
            voluntary_switches=22_200 * block,
            involuntary_switches=222 * block,
        )
        for block in (1, 2, 4)
    ]
    wrong = replace(told(records[0], voluntary_switches=99_999_999), block=5, status="wrong_work", reason="rows")
    row = first_row(description, [*records, wrong])
    assert columns(row, "record_latency", "rows_per_worker", "voluntary", "involuntary") == {
        "record_latency_p50_s": "0.02",
        "record_latency_p95_s": "0.04",
        "record_latency_p99_s": "0.08",
        "rows_per_worker_smallest": "444",
        "rows_per_worker_largest": "123878",
        "voluntary_switches_per_row": "2",
        "involuntary_switches_per_row": "0.02",
    }


def test_of_another_workload_workers_are_told_by_their_operations(
    description: Description, make_record: Callable[..., Record]
) -> None:
    record = told(make_record(), rows_per_worker={"smallest": 888, "largest": 1_110})
    assert record.phases is not None
    data = replace(record.phases["data"], operations=100)
    assert data.rows == 22_200
    row = first_row(description, [replace(record, phases={"data": data})])
    assert columns(row, "rows_per_worker") == {"rows_per_worker_smallest": "4", "rows_per_worker_largest": "5"}


def test_records_from_before_that_was_noted_leave_the_columns_empty(
    description: Description, make_record: Callable[..., Record]
) -> None:
    old = told(make_record(), voluntary_switches=None, involuntary_switches=None)
    row = first_row(description, [old])
    assert set(columns(row, "record_latency", "rows_per_worker", "voluntary", "involuntary").values()) == {""}


def test_the_median_is_of_those_that_tell(description: Description, make_record: Callable[..., Record]) -> None:
    new = told(make_record(block=2), record_latency_s={"p50": 0.01, "p95": 0.02, "p99": 0.03})
    row = first_row(description, [make_record(block=1), new])
    assert row["record_latency_p95_s"] == "0.02"
