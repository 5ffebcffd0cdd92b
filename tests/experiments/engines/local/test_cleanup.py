from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from experiments.engines.local.cleanup import abandoned, sweep
from experiments.engines.local.traces import Trace, leave_trace, read_traces, remove_trace
from experiments.engines.processes import ProcessIdentity, identity, is_alive

LIVING = ProcessIdentity(10, "boot/1")
DEAD = ProcessIdentity(11, "boot/2")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "bigdata-matrix"


def test_only_what_a_dead_owner_left_is_abandoned() -> None:
    traces = [Trace(Path("/traces"), "a", LIVING, Path("/a")), Trace(Path("/traces"), "b", DEAD, Path("/b"))]
    assert abandoned(traces, lambda owner: owner == LIVING) == [traces[1]]


def test_a_process_number_that_was_given_to_another_process_is_not_the_owner_any_more() -> None:
    now = identity(os.getpid())
    assert now is not None
    assert is_alive(now)
    assert not is_alive(ProcessIdentity(now.pid, "another boot/1"))


def test_a_sweep_removes_data_without_a_server(tmp_path: Path) -> None:
    trace = leave_trace(ProcessIdentity(os.getpid(), "another boot/1"), tmp_path)
    trace.data.mkdir()
    trace.first_password_file.write_text("secret")
    (line,) = sweep()
    assert line.endswith(f"left: a stopped PostgreSQL with {trace.data}")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert read_traces() == []


def test_all_files_of_a_server_go_with_it_and_no_others(cache: Path, tmp_path: Path) -> None:
    trace = leave_trace(LIVING, tmp_path)
    # What the proxy of the statement log leaves where it is killed.
    trace.password_file.with_suffix(".proxy.pgpass").write_text("secret")
    other = leave_trace(LIVING, tmp_path)
    other.password_file.write_text("secret")
    remove_trace(trace)
    assert {path.name for path in (cache / "servers").iterdir()} == {other.file.name, other.password_file.name}


def test_a_trace_is_read_as_it_was_left(tmp_path: Path) -> None:
    trace = leave_trace(LIVING, tmp_path)
    assert read_traces() == [trace]
    assert trace.data.parent == tmp_path


def test_the_folder_of_the_traces_is_the_owners_alone(cache: Path, tmp_path: Path) -> None:
    leave_trace(LIVING, tmp_path)
    assert (cache / "servers").stat().st_mode & 0o777 == 0o700


def test_a_damaged_trace_removes_nothing_but_itself(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    trace = leave_trace(DEAD, tmp_path)
    fields = json.loads(trace.file.read_text())
    trace.file.write_text(json.dumps({**fields, "data": str(precious)}))
    for damaged in read_traces():
        remove_trace(damaged)
    assert precious.is_dir()
    assert not trace.file.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"owner": 1, "data": "/x"}', '{"owner": {"pid": 1}, "data": "/x"}'])
def test_a_file_that_is_no_trace_is_left_alone(cache: Path, tmp_path: Path, text: str) -> None:
    remove_trace(leave_trace(DEAD, tmp_path))
    (cache / "servers" / "x.json").write_text(text)
    assert read_traces() == []
