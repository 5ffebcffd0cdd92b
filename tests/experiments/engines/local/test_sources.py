from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.engines.local.venvs import check_can_build
from experiments.environment.interpreters import Interpreter
from experiments.errors import Unsupported


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; pg_config and the compiler are in it, and every header is where they say."""
    for name in ("Python.h", "libpq-fe.h"):
        (tmp_path / "include" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "include" / name).touch()
    program(tmp_path / "bin" / "steamcc", "")
    program(tmp_path / "bin" / "pg_config", str(tmp_path / "include"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.fixture
def interpreter(tmp_path: Path, programs: Path) -> Interpreter:
    executable = program(programs / "python", json.dumps(["steamcc -pthread", str(tmp_path / "include")]))
    return Interpreter(executable, "3.14.7", "CPython", True, True, "3.14.7 free-threading build")


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_nothing_is_missing_where_everything_is_there(interpreter: Interpreter) -> None:
    check_can_build(interpreter, ["psycopg2-binary"])


@pytest.mark.parametrize(
    ("file", "missing"),
    [
        ("bin/steamcc", r"a C compiler \(steamcc\)"),
        ("bin/pg_config", "pg_config"),
        ("include/libpq-fe.h", r"libpq's headers \(libpq-fe\.h\)"),
        ("include/Python.h", r"the interpreter's headers \(Python\.h in .*include\)"),
    ],
)
def test_what_is_missing_is_named_with_what_to_install(
    interpreter: Interpreter, tmp_path: Path, file: str, missing: str
) -> None:
    (tmp_path / file).unlink()
    told = f"^psycopg2-binary: no wheels for Python 3\\.14t, and building it from source takes {missing} \\(on Debian"
    with pytest.raises(Unsupported, match=told):
        check_can_build(interpreter, ["psycopg2-binary"])
