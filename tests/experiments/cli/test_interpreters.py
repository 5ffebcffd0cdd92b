from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.__main__ import main
from experiments.cli import interpreters as command
from experiments.cli.interpreters import check_names
from experiments.environment.cpython.install import Sources
from experiments.environment.interpreters import Interpreter
from experiments.environment.requirements import LOADER_PYTHONS
from experiments.errors import BadInput
from tests.experiments.environment.cpython.test_sources import make_archive


class Machine:
    """Stands in for this machine and whoever gets interpreters for it."""

    def __init__(self) -> None:
        self.has = {"3.13": interpreter("3.13.1"), "3.14": interpreter("3.14.7", optimized=True)}
        self.gets = True
        self.asked: list[tuple[str, Sources]] = []

    def find(self) -> dict[str, Interpreter]:
        return self.has

    def get(self, python: str, sources: Sources, environment: Any, tell: Any) -> None:
        self.asked.append((python, sources))
        if self.gets:
            found = interpreter(f"{python.rstrip('t')}.9", optimized=True, free_threaded=python.endswith("t"))
            self.has = {**self.has, python: found}


def interpreter(version: str, *, optimized: bool = False, free_threaded: bool = False) -> Interpreter:
    return Interpreter(Path("/p"), version, "CPython", optimized, free_threaded, version, optimized, "pyenv")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    stand_in = Machine()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("BIGDATA_PYTHONS", "/nowhere/at/all")
    monkeypatch.setattr(command, "find_interpreters", stand_in.find)
    monkeypatch.setattr(command, "get_interpreter", stand_in.get)
    monkeypatch.setattr(command, "uv_environment", dict)
    return stand_in


def test_without_names_every_locked_python_has_a_line(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["interpreters"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2 : 2 + len(LOADER_PYTHONS)]] == list(LOADER_PYTHONS)
    found = {words[0]: words[1:] for words in map(str.split, lines)}
    assert found["3.13"] == ["3.13.1", "no", "no", "no", "pyenv"]
    assert found["3.14"] == ["3.14.7", "yes", "yes", "no", "pyenv"]
    assert found["3.14t"] == ["not", "found"]
    assert lines[-2:] == [command.NOT_OPTIMIZED, "BIGDATA_PYTHONS: no interpreter at /nowhere/at/all"]
    assert machine.asked == []


def test_what_is_missing_or_not_optimized_is_got(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["interpreters", "3.14", "3.13", "3.13t", "3.13t"]) == 0
    assert [python for python, _ in machine.asked] == ["3.13", "3.13t"]
    assert machine.asked[0][1].suites["3.13"] == "trixie"
    out = capsys.readouterr().out
    assert out.startswith("Python 3.14 is here already: 3.14.7, from pyenv\n")
    assert "3.13t     3.13.9     yes          yes    yes" in out


def test_a_quick_build_replaces_nothing_that_is_there(machine: Machine) -> None:
    assert main(["interpreters", "--quick", "3.13", "3.14t"]) == 0
    assert [(python, sources.quick) for python, sources in machine.asked] == [("3.14t", True)]


def test_one_that_does_not_run_is_a_failure(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.gets = False
    assert main(["interpreters", "3.12"]) == 1
    assert capsys.readouterr().err == "error: got 3.12, which does not run\n"


def test_names_and_archives_are_checked_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^interpreters: '3\.44' has no locked packages \(did you mean 3\.14\?"):
        check_names(["3.44"], None)
    with pytest.raises(BadInput, match=r"^--archive: no interpreter given to build from it"):
        check_names([], tmp_path)
    with pytest.raises(BadInput, match=r"^--archive: .*none is not a file$"):
        check_names(["3.14"], tmp_path / "none")
    files = {"Python-3.13.9/Include/patchlevel.h": '#define PY_VERSION "3.13.9"\n'}
    with pytest.raises(BadInput, match=r"has CPython 3\.13\.9, and 3\.14 was asked for$"):
        check_names(["3.13t", "3.14"], make_archive(tmp_path / "x.tar.gz", files))
