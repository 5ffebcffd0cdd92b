from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.errors import BadInput
from experiments.records.record import Record, ServerUse, from_json_line, to_json_line
from tests.experiments.made_observed import observed


def test_a_record_survives_being_written_and_read(make_record: Callable[..., Record]) -> None:
    record = make_record(block=3)
    assert from_json_line(to_json_line(record), "runs.jsonl:1") == record


def test_a_record_of_a_failure_survives_too(make_failure: Callable[..., Record]) -> None:
    record = make_failure(status="failed", reason="killed", interrupted=True)
    assert from_json_line(to_json_line(record), "runs.jsonl:1") == record


def test_the_names_of_a_line_are_those_of_the_design(make_record: Callable[..., Record]) -> None:
    line = json.loads(to_json_line(make_record()))
    names = "schema campaign cell_key arm block order started_at status reason cell rows_per_s cpu_us_per_row phases "
    names += "client server images connections work host wall_s interrupted resumed ledger_us_per_row"
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
        ("{", "runs.jsonl:4: not a line of JSON"),
        ("[]", r"runs.jsonl:4: found '\[\]', where a record"),
        ("{}", "runs.jsonl:4: found no schema number"),
        ('{"schema": 1}', "runs.jsonl:4: not a whole record of schema 1: status None is none of ok, failed"),
        ('{"schema": 1, "status": "ok"}', "runs.jsonl:4: not a whole record of schema 1: .*campaign"),
        ('{"schema": 1, "status": "ok", "client": 3}', "runs.jsonl:4: not a whole record of schema 1"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(line: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        from_json_line(line, "runs.jsonl:4")


def test_the_time_inside_timed_phases_is_that_of_all_phases(make_record: Callable[..., Record]) -> None:
    assert make_record(rows_per_s=11_100.0).timed_s == pytest.approx(2.02)
