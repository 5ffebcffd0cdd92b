from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.engines.local import venvs
from experiments.engines.local.venvs import ensure_venv
from experiments.environment.install import run_pip
from experiments.environment.interpreters import Interpreter, probe_interpreter
from experiments.errors import Failure, Unsupported


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def interpreter() -> Interpreter:
    found = probe_interpreter(Path(sys.executable))
    assert found is not None
    return found


@pytest.fixture
def instantly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments are empty folders: what a real one would take seconds for is not what the test is about."""
    monkeypatch.setattr(venvs, "_make_empty", lambda _, folder, turn: folder.mkdir() or [])


@pytest.fixture
def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreters have no pip of their own, which takes most of the time of an environment."""
    real_run = venvs._run
    monkeypatch.setattr(
        venvs,
        "_run",
        lambda command, turn: real_run(command, turn) if "--without-pip" in command else "no module ensurepip",
    )


@pytest.fixture
def empty_lock(tmp_path: Path) -> Path:
    lock = tmp_path / "py3.txt"
    lock.write_text("# nothing\n")
    return lock


def test_an_environment_is_made_once_and_another_one_for_another_lock(
    interpreter: Interpreter, empty_lock: Path, without_pip: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[list[str]] = []
    monkeypatch.setattr(venvs, "run_pip", lambda pip, arguments, **_: installed.append([*map(str, arguments)]))
    first = ensure_venv(interpreter, empty_lock)
    assert ensure_venv(interpreter, empty_lock) == first
    assert installed == [["install", "--require-hashes", "--only-binary", ":all:", "--requirement", str(empty_lock)]]
    said = subprocess.run([first, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(first.parent.parent)
    empty_lock.write_text("# something else\n")
    assert ensure_venv(interpreter, empty_lock) != first


def test_what_has_no_wheels_is_built_with_what_is_locked_and_nothing_else(
    interpreter: Interpreter, empty_lock: Path, instantly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    needed: list[str] = []

    def run_pip(pip: object, arguments: list[str], **_: object) -> None:
        calls.append(arguments)
        needed.append(Path(arguments[-1]).read_text())

    monkeypatch.setattr(venvs, "run_pip", run_pip)
    monkeypatch.setattr(venvs, "check_can_build", lambda *_: None)
    setuptools = "setuptools==84.2.1 \\\n    --hash=sha256:11\n"
    empty_lock.write_text(f"# from source: psycopg2-binary\npsycopg2-binary==2 --hash=sha256:00\n{setuptools}")
    ensure_venv(interpreter, empty_lock)
    first, second = calls
    assert needed[0] == setuptools
    assert first[:5] == ["install", "--require-hashes", "--only-binary", ":all:", "--no-deps"]
    assert second == [
        *("install", "--require-hashes", "--only-binary", ":all:", "--no-binary", "psycopg2-binary"),
        *("--no-build-isolation", "--requirement", str(empty_lock)),
    ]


def test_where_nothing_can_be_built_no_environment_is_begun(
    interpreter: Interpreter, empty_lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    empty_lock.write_text("# from source: psycopg2-binary\n")
    with pytest.raises(Unsupported) as reason:
        ensure_venv(interpreter, empty_lock)
    assert str(reason.value).startswith(f"psycopg2-binary: no wheels for Python {interpreter.python}, and building it")
    assert str(reason.value).endswith("pg_config (on Debian or Ubuntu: apt-get install libpq-dev gcc)")
    assert [path for path in (tmp_path / "cache/bigdata-matrix/venvs").iterdir() if path.is_dir()] == []


def test_one_that_was_left_half_made_is_made_anew(
    interpreter: Interpreter, empty_lock: Path, instantly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venvs, "run_pip", lambda *_, **__: None)
    python = ensure_venv(interpreter, empty_lock)
    folder = python.parent.parent
    (folder / "complete").unlink()
    (folder / "rest").touch()
    assert ensure_venv(interpreter, empty_lock) == python
    assert [path.name for path in folder.iterdir()] == ["complete"]


def test_a_failing_installation_leaves_no_environment(
    interpreter: Interpreter, empty_lock: Path, tmp_path: Path, without_pip: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    empty_lock.write_text(f"nowhere==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(Failure, match=r"the packages of py3\.txt for Python .*nowhere==1\.0"):
        ensure_venv(interpreter, empty_lock)
    assert [path for path in (tmp_path / "cache/bigdata-matrix/venvs").iterdir() if path.is_dir()] == []


def test_what_outlives_a_harness_that_is_killed_keeps_others_from_the_environment_until_it_ends(
    interpreter: Interpreter, empty_lock: Path, tmp_path: Path, instantly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without_packages:
        without_packages.setattr(venvs, "run_pip", lambda *_, **__: None)
        ensure_venv(interpreter, empty_lock)
    (lock,) = (tmp_path / "cache/bigdata-matrix/venvs").glob("*.lock")
    with lock.open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        holds_it = [sys.executable, "-c", f"import os; os.fstat({turn.fileno()})"]
        run_pip(holds_it, [], purpose="nothing", lock=turn.fileno())
        assert venvs._run(holds_it, turn.fileno()) is None


def test_an_interpreter_without_pip_of_its_own_is_served_by_the_harnesss(
    interpreter: Interpreter, empty_lock: Path, without_pip: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[list[str]] = []
    monkeypatch.setattr(venvs, "run_pip", lambda pip, *_, **__: used.append([*map(str, pip)]))
    python = ensure_venv(interpreter, empty_lock)
    assert used == [[sys.executable, "-m", "pip", "--python", str(python)]]
    assert python.exists()
