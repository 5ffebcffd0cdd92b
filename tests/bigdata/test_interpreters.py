"""The loader imports on every CPython of this machine, and loads on the oldest and the newest of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from experiments.engines.local.venvs import ensure_venv
from experiments.errors import Failure
from experiments.interpreters import Interpreter, find_interpreters
from experiments.lock import loader_lock, locked_pythons
from tests.bigdata import loader_program as program

# Every module that needs neither a driver nor SQLAlchemy.
IMPORT_ALL = """
import importlib, pkgutil, sys, bigdata
for module in pkgutil.walk_packages(bigdata.__path__, "bigdata."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        assert error.name.split(".")[0] in {"psycopg2", "aiopg", "sqlalchemy", "uvloop"}, (module.name, error)
print("%d.%d" % sys.version_info[:2])
"""


@pytest.fixture(scope="module")
def interpreters() -> dict[str, Interpreter]:
    """Those of this machine that have locked packages, oldest first."""
    return {python: found for python, found in find_interpreters().items() if python in locked_pythons()}


@pytest.mark.parametrize("python", locked_pythons())
def test_every_module_imports(python: str, interpreters: dict[str, Interpreter]) -> None:
    if python not in interpreters:
        pytest.skip(f"there is no Python {python} on this machine")
    done = subprocess.run(
        [interpreters[python].executable, "-c", IMPORT_ALL],
        cwd=program.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{python}\n", "")


@pytest.mark.postgres
@pytest.mark.parametrize("age", ["oldest", "newest"])
@pytest.mark.parametrize("loader", program.LOADERS, ids=program.NAMES)
def test_every_loader_sets_up_loads_and_verifies(
    loader: tuple[str, str | None], age: str, interpreters: dict[str, Interpreter], dburl: str, tmp_path: Path
) -> None:
    interpreter = list(interpreters.values())[0 if age == "oldest" else -1]
    try:
        python = str(ensure_venv(interpreter, loader_lock(interpreter.python)))
    except Failure as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(f"the packages for Python {interpreter.python} cannot be had: {reason}")
    directory = program.generate(tmp_path, records=2)
    arguments = program.load_arguments(loader, directory, 2, "--report", "-")

    process = program.start(*arguments, dburl=dburl, python=python)
    out, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors
    report = json.loads(out)
    assert report["client"]["python"] == interpreter.version
    assert (report["loader"], report["loop"]) == loader
    assert {name: report["phases"][name]["rows"] for name in ("geo", "data")} == {"geo": 2, "data": 444}
    assert report["work"]["digest"].startswith("geo:2:")
    assert program.query(dburl, "SELECT count(*) FROM data_element") == [(444,)]
