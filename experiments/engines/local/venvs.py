"""Virtual environments in the cache, one per interpreter and lock, complete or absent."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from experiments.environment.cache import cache_folder, make_once, remove
from experiments.environment.install import output_of, run_locked, run_pip
from experiments.environment.interpreters import Interpreter
from experiments.environment.requirements import from_source
from experiments.environment.requirements_file import BUILDS_WITH, entries_of
from experiments.errors import Failure, Unsupported

_VENV_S = 120.0
_TIMEOUT_S = 30.0

_ASK = "import json, sysconfig as s; print(json.dumps([s.get_config_var('CC') or 'cc', s.get_path('include')]))"


def ensure_venv(interpreter: Interpreter, lock: Path) -> Path:
    """Return the Python of the environment. Raises Failure if it cannot be made, Unsupported without build tools."""
    folder = cache_folder() / "venvs" / _venv_name(interpreter, lock)
    make_once(folder, partial(_make, interpreter, lock, folder))
    return _python_of(folder)


def _venv_name(interpreter: Interpreter, lock: Path) -> str:
    """Return a name that differs for each interpreter and lock."""
    identity = f"{interpreter.executable}\n{interpreter.build}\n".encode() + lock.read_bytes()
    return f"py{interpreter.python}-{hashlib.sha256(identity).hexdigest()[:12]}"


def _make(interpreter: Interpreter, lock: Path, folder: Path, turn: int) -> None:
    built = from_source(lock)
    if built:
        check_can_build(interpreter, built)
    pip = _make_empty(interpreter, folder, turn)
    for options in _installations(lock, built, folder):
        run_pip(pip, options, purpose=f"the packages of {lock.name} for Python {interpreter.version}", lock=turn)


def _installations(lock: Path, built: Sequence[str], folder: Path) -> Iterator[list[str]]:
    """Yield the arguments of pip's calls: build requirements first, locked packages only."""
    install = ["install", "--require-hashes", "--only-binary", ":all:"]
    if built:
        needed = folder / "builds-with.txt"
        needed.write_text(entries_of(lock.read_text(), BUILDS_WITH))
        yield [*install, "--no-deps", "--requirement", str(needed)]
        # No isolation: there pip would install whatever version of these is the newest.
        install += ["--no-binary", ",".join(built), "--no-build-isolation"]
    yield [*install, "--requirement", str(lock)]


def _make_empty(interpreter: Interpreter, folder: Path, turn: int) -> list[str | Path]:
    """Make an empty environment; return the command of its pip, or of the harness's if the interpreter has none."""
    command = [str(interpreter.executable), "-I", "-m", "venv"]
    if _run([*command, str(folder)], turn) is None:
        return [_python_of(folder), "-m", "pip"]
    remove(folder)
    problem = _run([*command, "--without-pip", str(folder)], turn)
    if problem is not None:
        raise Failure(f"{interpreter.executable} cannot make a virtual environment: {problem}")
    return [sys.executable, "-m", "pip", "--python", _python_of(folder)]


def _run(command: list[str], turn: int) -> str | None:
    """Run the command; return its output if it failed."""
    done = run_locked(command, lock=turn, timeout_s=_VENV_S)
    return None if done.returncode == 0 else " ".join((done.stdout + done.stderr).split())


def _python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


def check_can_build(interpreter: Interpreter, packages: Sequence[str]) -> None:
    """Raise Unsupported where something is missing that building psycopg2 takes, with what to do."""
    missing = list(_missing(interpreter))
    if missing:
        raise Unsupported(
            f"{', '.join(packages)}: no wheels for Python {interpreter.python}, and building it from source takes "
            f"{', '.join(missing)} (on Debian or Ubuntu: apt-get install libpq-dev gcc)"
        )


def _missing(interpreter: Interpreter) -> Iterator[str]:
    compiler, headers = json.loads(
        output_of([str(interpreter.executable), "-I", "-c", _ASK], _TIMEOUT_S) or '["cc", ""]'
    )
    if shutil.which(compiler.split()[0]) is None:
        yield f"a C compiler ({compiler.split()[0]})"
    if not (Path(headers) / "Python.h").is_file():
        yield f"the interpreter's headers (Python.h in {headers})"
    if shutil.which("pg_config") is None:
        yield "pg_config"
    elif not (Path((output_of(["pg_config", "--includedir"], _TIMEOUT_S) or "").strip()) / "libpq-fe.h").is_file():
        yield "libpq's headers (libpq-fe.h)"
