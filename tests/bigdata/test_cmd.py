"""The program whatever the interpreter's options and the terminal's encoding."""

from __future__ import annotations

import io

import pytest

from bigdata.cmd import main
from bigdata.runtimes.job import load_failed
from tests.bigdata import loader_program as program


def test_the_program_runs_without_docstrings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    assert program.run("list").returncode == 0
    assert program.run("run", "--help").returncode == 0


def test_what_an_encoding_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["list"]) == 0
    stream.write("\u00b5s")
    stream.flush()
    assert written.getvalue().endswith(b"\\xb5s")


def test_a_lost_prepared_statement_names_the_pooler_and_the_way_out() -> None:
    class Driver:
        @staticmethod
        def statement_of(error: BaseException) -> None:
            return None

    message = str(load_failed(Driver, None, ValueError('prepared statement "_pg3_0" does not exist')))  # type: ignore[arg-type]
    assert "PgBouncer in transaction mode" in message
    assert "--protocol extended or simple" in message
