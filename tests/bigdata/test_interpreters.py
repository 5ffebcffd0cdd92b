"""The loader imports on the oldest and the newest CPython of this machine, wherever they come from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.bigdata.loader_program import ROOT

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


def find_interpreter(version: str) -> str | None:
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(pyenv[-1]) if pyenv else shutil.which(f"python{version}")


@pytest.mark.parametrize("version", ["3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_module_imports(version: str) -> None:
    python = find_interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    done = subprocess.run([python, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{version}\n", "")
