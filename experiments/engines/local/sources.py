"""What building a locked package from source needs on this machine, looked for before pip would fail over it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.environment.interpreters import Interpreter
from experiments.errors import Unsupported

_TIMEOUT_S = 30.0
_ASK = "import json, sysconfig as s; print(json.dumps([s.get_config_var('CC') or 'cc', s.get_path('include')]))"


def check_can_build(interpreter: Interpreter, packages: Sequence[str]) -> None:
    """Raise Unsupported where something is missing that building psycopg2 takes, with what to do."""
    missing = list(_missing(interpreter))
    if missing:
        raise Unsupported(
            f"{', '.join(packages)}: no wheels for Python {interpreter.python}, and building it from source takes "
            f"{', '.join(missing)} (on Debian or Ubuntu: apt-get install libpq-dev gcc)"
        )


def _missing(interpreter: Interpreter) -> Iterator[str]:
    compiler, headers = json.loads(_ask([str(interpreter.executable), "-I", "-c", _ASK]) or '["cc", ""]')
    if shutil.which(compiler.split()[0]) is None:
        yield f"a C compiler ({compiler.split()[0]})"
    if not (Path(headers) / "Python.h").is_file():
        yield f"the interpreter's headers (Python.h in {headers})"
    if shutil.which("pg_config") is None:
        yield "pg_config"
    elif not (Path((_ask(["pg_config", "--includedir"]) or "").strip()) / "libpq-fe.h").is_file():
        yield "libpq's headers (libpq-fe.h)"


def _ask(command: list[str]) -> str | None:
    """What a program says; None where it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
