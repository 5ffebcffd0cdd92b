from __future__ import annotations

import platform
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.environment.interpreters import (
    Interpreter,
    candidate_executables,
    find_interpreters,
    installed_folder,
    named_in_vain,
    probe_interpreter,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def interpreter(
    path: str, version: str, *, optimized: bool = False, implementation: str = "CPython", free_threaded: bool = False
) -> Interpreter:
    return Interpreter(Path(path), version, implementation, optimized, free_threaded, f"{version} (main)")


def find(*found: Interpreter | None) -> dict[str, str]:
    """What is chosen of interpreters that are found in this order."""
    answers = {Path(f"/candidate/{number}"): answer for number, answer in enumerate(found)}
    chosen = find_interpreters(dict.fromkeys(answers, "PATH"), answers.__getitem__)
    return {python: str(one.executable) for python, one in chosen.items()}


def executable(path: Path, text: str = "exit 1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_optimized_build_comes_before_one_that_is_not_wherever_it_is_found() -> None:
    assert find(interpreter("/a", "3.13.0"), interpreter("/b", "3.13.1", optimized=True)) == {"3.13": "/b"}
    assert find(interpreter("/b", "3.13.1", optimized=True), interpreter("/a", "3.13.0")) == {"3.13": "/b"}


def test_a_build_that_does_not_say_comes_between_both() -> None:
    silent = replace(interpreter("/c", "3.13.2"), optimized_build=None)
    plain, optimized = interpreter("/a", "3.13.0"), interpreter("/b", "3.13.1", optimized=True)
    assert find(plain, silent) == find(silent, plain) == {"3.13": "/c"}
    assert find(silent, optimized) == find(optimized, silent) == {"3.13": "/b"}


def test_of_equal_builds_the_first_found_is_taken() -> None:
    assert find(interpreter("/a", "3.13.0"), interpreter("/b", "3.13.9")) == {"3.13": "/a"}


def test_versions_are_in_the_order_of_numbers() -> None:
    found = find(interpreter("/c", "3.11.1"), interpreter("/b", "3.9.1"), interpreter("/a", "3.10.1"))
    assert list(found) == ["3.9", "3.10", "3.11"]


def test_shims_that_do_not_run_and_other_implementations_are_ignored() -> None:
    assert find(None, interpreter("/p", "3.10.1", implementation="PyPy"), interpreter("/a", "3.9.1")) == {"3.9": "/a"}


def test_a_free_threaded_build_has_a_name_of_its_own_after_the_usual_one() -> None:
    found = find(
        interpreter("/d", "3.14.0"),
        interpreter("/c", "3.13.1", free_threaded=True),
        interpreter("/b", "3.13.0"),
        interpreter("/a", "3.9.0"),
    )
    assert list(found.items()) == [("3.9", "/a"), ("3.13", "/b"), ("3.13t", "/c"), ("3.14", "/d")]


def test_an_interpreter_knows_where_it_was_found() -> None:
    one = interpreter("/a", "3.13.0")
    assert find_interpreters({Path("/x"): "pyenv"}, lambda _: one)["3.13"].origin == "pyenv"


def test_candidates_come_from_path_then_pyenv_then_uv_then_the_cache_newest_first(tmp_path: Path) -> None:
    home = tmp_path.resolve()
    on_path = executable(home / "bin" / "python3.12")
    executable(home / "bin" / "python3-config")
    versions = ("3.13t-dev", "3.9.10", "3.9.2")
    pyenv = [executable(home / ".pyenv" / "versions" / name / "bin" / "python3") for name in versions]
    uv_name = "cpython-3.14.0+freethreaded-linux-x86_64-gnu"
    uv = executable(home / ".local/share/uv/python" / uv_name / "bin/python3.14t")
    cached = executable(installed_folder() / "cpython-3.14.7t" / "bin" / "python3.14")
    found = candidate_executables({"PATH": f"{home / 'bin'}:{home / 'missing'}:"}, home)
    running = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    expected = {on_path: "PATH", **dict.fromkeys(pyenv, "pyenv"), uv: "uv", cached: "cache", running: "running"}
    assert list(found.items()) == list(expected.items())


def test_interpreters_that_stand_elsewhere_are_named_by_the_user(tmp_path: Path) -> None:
    home = tmp_path.resolve()
    first = executable(home / "built" / "bin" / "python3.14t")
    second = executable(home / "folder" / "python3")
    third = executable(home / "mine")
    (home / "empty").mkdir()
    named = ":".join(map(str, (home / "built", home / "folder", third, home / "empty", home / "missing", "")))
    environment = {"BIGDATA_PYTHONS": named}
    assert list(candidate_executables(environment, home).items())[:-1] == [
        *((path, "BIGDATA_PYTHONS") for path in (first, second, third)),
    ]
    assert named_in_vain(environment) == [str(home / "empty"), str(home / "missing")]


def test_the_folders_of_pyenv_and_uv_may_be_elsewhere(tmp_path: Path) -> None:
    home = tmp_path.resolve()
    pyenv = executable(home / "a" / "versions" / "3.9.1" / "bin" / "python3.9")
    uv = executable(home / "b" / "cpython-3.14.0" / "bin" / "python3.14")
    environment = {"PYENV_ROOT": str(home / "a"), "UV_PYTHON_INSTALL_DIR": str(home / "b")}
    assert list(candidate_executables(environment, home))[:-1] == [pyenv, uv]


def test_the_shims_of_pyenv_are_passed_over(tmp_path: Path) -> None:
    executable(tmp_path / "shims" / "python3")
    assert len(candidate_executables({"PATH": str(tmp_path / "shims")}, tmp_path)) == 1


def test_virtual_environments_on_the_path_are_no_interpreters_of_the_machine(tmp_path: Path) -> None:
    executable(tmp_path / "venv" / "bin" / "python3")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert len(candidate_executables({"PATH": str(tmp_path / "venv" / "bin")}, tmp_path)) == 1


def test_a_folder_on_the_path_that_cannot_be_looked_into_is_passed_over(tmp_path: Path) -> None:
    there = executable(tmp_path / "bin" / "python3")
    # What the system refuses for its name, as it would one for lack of permission, which root never lacks.
    refused = tmp_path / ("x" * 300) / "bin"
    assert there in candidate_executables({"PATH": f"{refused}:{tmp_path / 'bin'}"}, tmp_path)


def test_an_interpreter_describes_itself() -> None:
    found = probe_interpreter(Path(sys.executable))
    assert found is not None
    assert (found.version, found.implementation) == (platform.python_version(), platform.python_implementation())
    assert found.python == ".".join(platform.python_version_tuple()[:2])
    assert found.build == " ".join(sys.version.split())
    arguments = sysconfig.get_config_var("CONFIG_ARGS")
    told = "--enable-optimizations" in arguments, "--with-lto" in arguments
    # Debian's executable is static, and its sysconfig that of a shared build.
    foreign = sysconfig.get_config_var("Py_ENABLE_SHARED") and "libpython" not in Path("/proc/self/maps").read_text()
    assert (found.optimized_build, found.lto) == ((None, None) if foreign else told)
    assert found.free_threaded == bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.mark.parametrize("text", ["exit 1", "echo no json", "echo '{}'", "echo '[]'"])
def test_what_is_no_interpreter_is_ignored(tmp_path: Path, text: str) -> None:
    assert probe_interpreter(executable(tmp_path / "python3", text)) is None
    assert probe_interpreter(tmp_path / "missing") is None
