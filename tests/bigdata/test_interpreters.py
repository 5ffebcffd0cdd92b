"""The loader imports on every CPython of this machine, and loads on the oldest, the newest and a free-threaded one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bigdata.registry import LOADERS
from experiments.engines.local.venvs import ensure_venv
from experiments.environment.interpreters import Interpreter, find_interpreters
from experiments.environment.requirements import is_free_threaded, left_out, loader_lock, locked_pythons
from experiments.errors import Failure, Unsupported
from tests.bigdata import loader_program as program
from tests.project import ROOT

# Every module that needs neither a driver nor SQLAlchemy.
IMPORT_ALL = """
import importlib, pkgutil, sys, sysconfig, bigdata
others = {"psycopg2", "aiopg", "asyncpg", "psycopg", "gevent", "greenlet", "sqlalchemy", "uvloop", "rloop"}
for module in pkgutil.walk_packages(bigdata.__path__, "bigdata."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        assert error.name.split(".")[0] in others, (module.name, error)
print("%d.%d" % sys.version_info[:2] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""))
"""


@pytest.fixture(scope="module")
def interpreters() -> dict[str, Interpreter]:
    """Those of this machine that have locked packages, oldest first."""
    return {python: found for python, found in find_interpreters().items() if python in locked_pythons()}


@pytest.mark.parametrize("python", locked_pythons())
def test_every_module_imports(python: str, interpreters: dict[str, Interpreter]) -> None:
    if python not in interpreters:
        pytest.skip(f"there is no Python {python} on this machine: nox -s interpreters -- {python} gets it")
    done = subprocess.run(
        [interpreters[python].executable, "-c", IMPORT_ALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{python}\n", "")


@pytest.fixture
def usual(interpreters: dict[str, Interpreter]) -> list[Interpreter]:
    return [found for python, found in interpreters.items() if not is_free_threaded(python)]


@pytest.fixture
def free_threaded(interpreters: dict[str, Interpreter]) -> Interpreter:
    """The newest free-threaded one. Without any the test skips: it is not on every machine that CI runs on."""
    found = [found for python, found in interpreters.items() if is_free_threaded(python)]
    if not found:
        pytest.skip("there is no free-threaded Python on this machine: nox -s interpreters -- --quick 3.13t gets one")
    return found[-1]


def packages_for(interpreter: Interpreter) -> str:
    """The Python of an environment with the locked packages."""
    try:
        return str(ensure_venv(interpreter, loader_lock(interpreter.python)))
    except (Failure, Unsupported) as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(f"the packages for Python {interpreter.python} cannot be had: {reason}")


def load(python: str, pair: program.Pair, dburl: str, directory: Path) -> tuple[int, str, str]:
    """Exit code, report and other words of loading 2 records."""
    # What sets up and verifies is the same for all of them.
    options = () if pair == program.REPRESENTATIVES[0] else ("--prepared",)
    arguments = program.load_arguments(pair, program.generate(directory, records=2), 2, "--report", "-", *options)
    process = program.start(*arguments, dburl=dburl, python=python)
    out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


def check_load(interpreter: Interpreter, pair: program.Pair, dburl: str, directory: Path) -> None:
    """It loads, one of them sets up and verifies; without its packages it says what is missing."""
    missing = left_out(loader_lock(interpreter.python)).keys() & {*LOADERS[pair[0]].requirements, pair[1]}
    code, out, errors = load(packages_for(interpreter), pair, dburl, directory)
    if missing:
        assert code == 2, errors
        assert any(f"{name} cannot be imported" in errors for name in missing)
        return
    assert code == 0, errors
    report = json.loads(out)
    assert report["client"]["python"] == interpreter.version
    assert (report["loader"], report["loop"]) == pair
    assert {name: report["phases"][name]["rows"] for name in ("geo", "data")} == {"geo": 2, "data": 444}
    assert pair != program.REPRESENTATIVES[0] or report["work"]["digest"].startswith("geo:2:")
    assert program.query(dburl, "SELECT count(*) FROM data_element") == [(444,)]


one_of_each_runtime = pytest.mark.parametrize("pair", program.REPRESENTATIVES, ids=program.name_of)


@pytest.mark.postgres
@pytest.mark.parametrize("age", ["oldest", "newest"])
@one_of_each_runtime
def test_every_runtime_loads_on_the_oldest_and_the_newest(
    pair: program.Pair, age: str, usual: list[Interpreter], dburl: str, tmp_path: Path
) -> None:
    check_load(usual[0 if age == "oldest" else -1], pair, dburl, tmp_path)


@pytest.mark.postgres
@one_of_each_runtime
def test_every_runtime_loads_on_a_free_threaded_one(
    pair: program.Pair, free_threaded: Interpreter, dburl: str, tmp_path: Path
) -> None:
    check_load(free_threaded, pair, dburl, tmp_path)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("loader", "asked", "enabled"),
    [
        # Its module in C says nothing of free threading, so that CPython switches the GIL on when it is imported.
        ("row_by_row_threaded", None, True),
        ("row_by_row_threaded", "0", False),
        ("row_by_row_psycopg_threaded", None, False),
    ],
)
def test_the_report_says_what_became_of_the_gil(
    loader: str,
    asked: str | None,
    enabled: bool,
    free_threaded: Interpreter,
    dburl: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    python = packages_for(free_threaded)
    monkeypatch.delenv("PYTHON_GIL", raising=False)
    directory = program.generate(tmp_path, records=1)
    if asked is not None:
        monkeypatch.setenv("PYTHON_GIL", asked)
    process = program.start(
        *program.load_arguments((loader, None), directory, 2, "--prepared", "--report", "-"), dburl=dburl, python=python
    )
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    client: dict[str, Any] = json.loads(out)["client"]
    assert (client["free_threaded"], client["gil_requested"], client["gil_enabled"]) == (True, asked, enabled)
