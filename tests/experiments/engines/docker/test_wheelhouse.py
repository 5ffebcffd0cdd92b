from __future__ import annotations

import fcntl
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from experiments.engines.docker import wheelhouse as module
from experiments.engines.docker.wheelhouse import locked_wheels, target_options, wheels
from experiments.environment.requirements import loader_lock
from experiments.errors import Failure, Unsupported


@pytest.fixture
def project(tmp_path: Path) -> Path:
    lock = tmp_path / "project" / "docker" / "requirements" / "py3.13.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text("aiopg==1.4.0 --hash=sha256:00\n")
    return tmp_path / "project"


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of each call of pip, which puts one wheel into the folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    calls: list[list[str]] = []

    def run_pip(pip: Sequence[str], arguments: list[str], *, purpose: str, lock: int) -> None:
        calls.append(arguments)
        folder = Path(arguments[arguments.index("--dest") + 1])
        (folder / "aiopg-1.4.0-py3-none-any.whl").touch()
        if "1.4.1" in Path(arguments[arguments.index("--requirement") + 1]).read_text():
            raise Failure(f"{purpose}: no network")

    monkeypatch.setattr(module, "run_pip", run_pip)
    return calls


def wheelhouse(python: str, architecture: str, stop: threading.Event, project: Path) -> Path:
    return locked_wheels(f"py{python}", loader_lock(python, project), python, architecture, stop)


def pairs(python: str, architecture: str) -> list[tuple[str, str]]:
    options = list(target_options(python, architecture))
    return list(zip(options[::2], options[1::2], strict=True))


def test_pip_chooses_for_the_interpreter_of_the_image() -> None:
    found = pairs("3.13", "x86_64")
    assert found[:5] == [
        ("--implementation", "cp"),
        ("--python-version", "3.13"),
        ("--abi", "cp313"),
        ("--abi", "abi3"),
        ("--abi", "none"),
    ]
    platforms = [value for option, value in found if option == "--platform"]
    assert platforms[0] == "manylinux_2_28_x86_64"
    assert platforms[-4:] == ["manylinux_2_17_x86_64", *(f"manylinux{n}_x86_64" for n in ("2014", "2010", "1"))]


def test_the_oldest_interpreter_has_the_allocator_in_the_name_of_its_interface() -> None:
    assert ("--abi", "cp37m") in pairs("3.7", "x86_64")
    assert ("--abi", "cp38") in pairs("3.8", "x86_64")


def test_another_processor_has_other_platforms() -> None:
    platforms = [value for option, value in pairs("3.13", "aarch64") if option == "--platform"]
    assert platforms[-1] == "manylinux2014_aarch64"
    assert all(platform.endswith("_aarch64") for platform in platforms)


def test_wheels_are_fetched_once_with_hashes_and_no_sources(project: Path, downloads: list[list[str]]) -> None:
    folder = wheelhouse("3.13", "x86_64", threading.Event(), project)
    assert wheelhouse("3.13", "x86_64", threading.Event(), project) == folder
    (arguments,) = downloads
    assert {"download", "--require-hashes", "--no-deps"} < set(arguments)
    assert arguments[arguments.index("--only-binary") + 1] == ":all:"
    assert [wheel.name for wheel in wheels(folder)] == ["aiopg-1.4.0-py3-none-any.whl"]


def test_pip_gets_the_entries_for_the_images_processor_whatever_its_own_is(
    project: Path, downloads: list[list[str]]
) -> None:
    lock = project / "docker" / "requirements" / "py3.13.txt"
    lock.write_text("# note\na==1\nb==2 ; platform_machine == 'x86_64'\nb==1 ; platform_machine == 'aarch64'\n")
    for architecture in ("x86_64", "aarch64"):
        wheelhouse("3.13", architecture, threading.Event(), project)
    files = [Path(arguments[arguments.index("--requirement") + 1]) for arguments in downloads]
    assert [file.read_text() for file in files] == ["a==1\nb==2\n", "a==1\nb==1\n"]


def test_what_failed_leaves_nothing_and_another_lock_is_another_folder(
    project: Path, downloads: list[list[str]]
) -> None:
    first = wheelhouse("3.13", "x86_64", threading.Event(), project)
    (project / "docker" / "requirements" / "py3.13.txt").write_text("aiopg==1.4.1 --hash=sha256:01\n")
    with pytest.raises(Failure, match=r"^the wheels of py3\.13\.txt for images \(x86_64\): no network$"):
        wheelhouse("3.13", "x86_64", threading.Event(), project)
    assert [path for path in first.parent.iterdir() if path.is_dir()] == [first]


def test_one_that_was_half_filled_is_filled_anew(project: Path, downloads: list[list[str]]) -> None:
    folder = wheelhouse("3.13", "x86_64", threading.Event(), project)
    (folder / "complete").unlink()
    (folder / "half.whl").touch()
    wheelhouse("3.13", "x86_64", threading.Event(), project)
    assert len(downloads) == 2
    assert [wheel.name for wheel in wheels(folder)] == ["aiopg-1.4.0-py3-none-any.whl"]


def test_a_processor_that_there_are_no_wheels_for_is_unsupported(project: Path) -> None:
    with pytest.raises(Unsupported, match="the Docker engine has s390x"):
        wheelhouse("3.13", "s390x", threading.Event(), project)


def test_nobody_waits_for_another_harness_when_all_is_to_stop(project: Path, downloads: list[list[str]]) -> None:
    folder = wheelhouse("3.13", "x86_64", threading.Event(), project)
    stop = threading.Event()
    stop.set()
    with folder.with_name(f"{folder.name}.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Failure, match=r"^the wheels of py3\.13\.txt for images: stopped while another process"):
            wheelhouse("3.13", "x86_64", stop, project)
