from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from experiments.errors import BadInput
from experiments.records.histogram import Histogram
from experiments.records.open_loop import OpenLoop
from experiments.records.record import Record, ServerUse, from_json_line, to_json_line
from experiments.records.redaction import without_paths
from tests.experiments.made_observed import observed

HISTOGRAM = Histogram.of(range(0, 5_000_000, 22_371)).encode()
OPEN_LOOP: dict[str, Any] = {
    **{"rate_per_s": 500.0, "queue": 3, "saturated": False, "awaited": 900, "on_time": 890},
    **dict.fromkeys(("response", "service", "start_delay"), HISTOGRAM),
}


def test_a_record_survives_being_written_and_read(make_record: Callable[..., Record]) -> None:
    record = make_record(block=3)
    assert from_json_line(to_json_line(record), "runs.jsonl:1") == record


def test_a_record_of_a_failure_survives_too(make_failure: Callable[..., Record]) -> None:
    record = make_failure(status="failed", reason="killed", interrupted=True)
    assert from_json_line(to_json_line(record), "runs.jsonl:1") == record


def test_a_record_that_was_read_is_written_the_same_again_with_its_numbers_by_name(
    make_record: Callable[..., Record],
) -> None:
    parts = {"client_user": 20.0, "queueing": -0.5}
    line = to_json_line(replace(observed(make_record()), ledger_us_per_row=parts))
    read = from_json_line(line, "runs.jsonl:1")
    assert read.ledger_us_per_row is not None
    assert dict(read.ledger_us_per_row.items()) == parts
    assert (read.ledger_us_per_row["queueing"], read.ledger_us_per_row.get("commit_wait")) == (-0.5, None)
    assert [*read.ledger_us_per_row.values()] == [20.0, -0.5]
    assert to_json_line(read) == line


def test_an_open_loop_comes_back_though_its_histograms_have_slashes(make_record: Callable[..., Record]) -> None:
    record = replace(make_record(), open_loop=OpenLoop(**OPEN_LOOP))
    # Within another text they would be cut as folders.
    assert without_paths(f" {HISTOGRAM}") != f" {HISTOGRAM}"
    assert from_json_line(to_json_line(record), "runs.jsonl:1") == record


def test_the_names_of_a_line_are_those_of_the_design(make_record: Callable[..., Record]) -> None:
    line = json.loads(to_json_line(make_record()))
    names = "schema campaign cell_key arm block order started_at status reason cell rows_per_s cpu_us_per_row "
    names += "operations_per_s cpu_us_per_operation phases "
    names += "client server images connections work host wall_s interrupted resumed repeat ledger_us_per_row machine "
    names += "network open_loop"
    assert " ".join(line) == names
    assert line["schema"] == 1
    assert line["images"] is None
    assert line["connections"] is None
    times = ["rows", "wall_s", "user_s", "system_s"]
    names_of_phase = [*times, "throttled_periods", "throttled_s", "started_s", "ended_s"]
    assert list(line["phases"]["data"])[: len(names_of_phase)] == names_of_phase
    assert list(line["server"]) == ["version", "settings", "storage", "cpu_s"]
    assert {"digest", "rows", "transactions"} <= line["work"].keys()
    assert {"steal_s", "load_1m"} <= line["host"].keys()


def test_no_line_names_a_folder_of_this_machine(make_failure: Callable[..., Record]) -> None:
    server = ServerUse("17.11", {"ssl_cert_file": "/home/me/x.pem"}, "disk")
    record = make_failure(
        status="failed", reason="psycopg2 cannot be imported: /home/me/_psycopg.so: undefined symbol", server=server
    )
    line = to_json_line(record)
    assert "/home" not in line
    assert from_json_line(line, "").reason == "psycopg2 cannot be imported: _psycopg.so: undefined symbol"


def test_a_line_from_before_that_was_recorded_is_not_resumed(make_record: Callable[..., Record]) -> None:
    values = json.loads(to_json_line(make_record(resumed=True)))
    assert from_json_line(json.dumps(values), "runs.jsonl:1").resumed is True
    del values["resumed"]
    assert from_json_line(json.dumps(values), "runs.jsonl:1").resumed is False


def test_connections_are_written_in_their_order_and_older_ones_do_not_say_how_they_were_sampled(
    make_record: Callable[..., Record],
) -> None:
    record = observed(make_record())
    values = json.loads(to_json_line(record))
    names = ["samples", "interval_s", "round_trip_s", "scheduling", "active", "idle", "idle_in_transaction", "waits"]
    assert list(values["connections"]) == names
    assert from_json_line(json.dumps(values), "runs.jsonl:1") == record
    assert record.connections is not None
    del values["connections"]["scheduling"]
    older = replace(record, connections=replace(record.connections, scheduling=""))
    assert from_json_line(json.dumps(values), "runs.jsonl:1") == older


def test_names_of_the_future_are_passed_over(make_record: Callable[..., Record]) -> None:
    record = make_record()
    values = json.loads(to_json_line(record))
    values["weather"] = "fine"
    values["client"]["colour"] = "blue"
    assert from_json_line(json.dumps(values), "runs.jsonl:1") == record


def test_a_newer_schema_is_refused_with_what_to_do(make_record: Callable[..., Record]) -> None:
    values = json.loads(to_json_line(make_record()))
    values["schema"] = 2
    with pytest.raises(BadInput, match=r"runs.jsonl:4: written with schema 2, .* reads up to 1; update this checkout"):
        from_json_line(json.dumps(values), "runs.jsonl:4")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "runs.jsonl:4: not JSON .*; the file has been edited or damaged"),
        ("[]", "runs.jsonl:4: found no schema number"),
        ("{}", "runs.jsonl:4: found no schema number"),
        ('{"schema": 1}', "runs.jsonl:4: not valid by schema 1: campaign: field required"),
        ('{"schema": 1, "campaign": 3}', "runs.jsonl:4: not valid by schema 1: campaign: found 3, input should be a"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(line: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        from_json_line(line, "runs.jsonl:4")


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (("status",), "fine", "status: found 'fine', input should be 'ok', 'failed', 'timeout'"),
        (("arm",), "c", "arm: found 'c', input should be 'a' or 'b'"),
        (("client",), 3, "client: found 3, input should be an object"),
        (("client", "packages", "psycopg2"), [], r"client.packages.psycopg2: input should be a valid string"),
        (("phases",), {}, "phases: expected a phase 'data' that took time"),
        (
            ("phases", "data", "wall_s"),
            0,
            "phases: expected a phase 'data' that took time",
        ),
        (("phases", "data", "rows"), -1, "phases.data.rows: found -1, input should be greater than or equal to 0"),
        (("phases", "data", "rows"), 0, "expected rows of a run with status 'ok'"),
        (("phases", "data", "rows"), True, "phases.data.rows: found True, input should be a valid integer"),
        (("rows_per_s",), float("nan"), "rows_per_s: found nan, input should be a finite number"),
        (("rows_per_s",), 1e300, "rows_per_s: found 1e.300, input should be less than or equal to"),
        (("block",), 10**9, "block: found 1000000000, input should be less than or equal to 2000000"),
        (("cell",), [], "cell: expected the axes of a cell"),
        (("open_loop",), {**OPEN_LOOP, "service": "HISTFAAA"}, "open_loop.service: found 'HISTFAAA', not a compressed"),
        (("cell", "poolsize"), "20", "cell: poolsize: found '20', input should be a valid integer"),
        (("cell", "loader"), [], "cell: loader: input should be a valid string"),
    ],
)
def test_each_value_is_held_to_its_type_and_bounds(
    part: tuple[str, ...], value: object, message: str, make_record: Callable[..., Record]
) -> None:
    values = json.loads(to_json_line(make_record()))
    inner = values
    for name in part[:-1]:
        inner = inner[name]
    inner[part[-1]] = value
    with pytest.raises(BadInput, match=f"^runs.jsonl:4: not valid by schema 1: {message}"):
        from_json_line(json.dumps(values), "runs.jsonl:4")


@pytest.mark.parametrize(
    "line", [b"\xff", b'{"schema": 1, "campaign": "\xff"}', b'"\\ud800"', b"[" * 5_000, b"1" * 5_000]
)
def test_bytes_that_are_no_json_are_refused_with_their_place(line: bytes) -> None:
    with pytest.raises(BadInput, match=r"^runs.jsonl:4: (not JSON|found no schema)"):
        from_json_line(line, "runs.jsonl:4")


def test_equal_parts_of_several_lines_are_one(make_record: Callable[..., Record]) -> None:
    shared: dict[object, object] = {}
    one, other = (from_json_line(to_json_line(make_record(block=block)), "", shared) for block in (1, 2))
    assert one.cell is other.cell
    assert one.client is not None
    assert other.client is not None
    assert one.client.packages is other.client.packages
    assert one.work is other.work
    assert one.host is not None
    assert other.host is not None
    assert one.host.load_1m is other.host.load_1m


def test_the_time_inside_timed_phases_is_that_of_all_phases(make_record: Callable[..., Record]) -> None:
    assert make_record(rows_per_s=11_100.0).timed_s == pytest.approx(2.02)
