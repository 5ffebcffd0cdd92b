from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.environment.cpython import install as module
from experiments.environment.cpython.build import Build
from experiments.environment.cpython.install import Sources, get_interpreter, install_by_uv
from experiments.environment.interpreters import installed_folder
from experiments.errors import BadInput, Failure, Unsupported
from tests.experiments.environment.cpython.test_sources import make_archive

SUITES = {"3.13": "trixie"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "missing_to_build", list)
    return tmp_path / "cache" / "bigdata-matrix"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make_archive(tmp_path / "x.tar.gz", {"Python-3.13.9/Include/patchlevel.h": '#define PY_VERSION "3.13.9"\n'})


@pytest.fixture
def built(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, bool, Path]]:
    """What was built: version, free-threaded, quick, where to."""
    found: list[tuple[str, bool, bool, Path]] = []

    def build(what: Build, target: Path, tell: Any, turn: int) -> None:
        assert (what.sources / "Include" / "patchlevel.h").is_file()
        found.append((what.version, what.free_threaded, what.quick, target))

    monkeypatch.setattr(module, "build", build)
    return found


def get(python: str, **sources: Any) -> list[str]:
    told: list[str] = []
    get_interpreter(python, Sources(suites=SUITES, **sources), {}, told.append)
    return told


def test_an_archive_is_built_without_asking_anybody(
    archive: Path, built: list[tuple[str, bool, bool, Path]], cache: Path
) -> None:
    assert get("3.13t", archive=archive, quick=True) == []
    assert built == [("3.13.9", True, True, installed_folder() / "cpython-3.13.9t-quick")]
    assert [path for path in (cache / "building").iterdir() if path.is_dir()] == []


def test_uv_is_asked_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "install_by_uv", lambda *_: None)
    monkeypatch.setattr(module, "fetch_debian_source", lambda *_: pytest.fail("uv had it"))
    assert get("3.13") == ["Python 3.13: asking uv"]


def test_without_uv_debians_sources_are_built(
    archive: Path, built: list[tuple[str, bool, bool, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch(python: str, *_: Any) -> Path:
        asked.append(python)
        return archive

    monkeypatch.setattr(module, "install_by_uv", lambda *_: "no network")
    monkeypatch.setattr(module, "fetch_debian_source", fetch)
    assert get("3.13t")[1] == "Python 3.13t: not from uv (no network); looking for Debian's sources"
    assert asked == ["3.13"]
    assert built == [("3.13.9", True, False, installed_folder() / "cpython-3.13.9t")]


def test_what_cannot_be_had_is_told_with_every_reason(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_debian(*_: Any) -> Path:
        raise Unsupported("Debian's suites have 3.13")

    monkeypatch.setattr(module, "install_by_uv", lambda *_: "no network")
    monkeypatch.setattr(module, "fetch_debian_source", no_debian)
    with pytest.raises(Failure) as failure:
        get("3.12")
    assert str(failure.value) == (
        "Python 3.12 cannot be had: uv: no network; Debian: Debian's suites have 3.13. Get the archive of its sources "
        "from python.org and name it: --archive FILE"
    )


def test_an_archive_of_another_version_is_bad_input(archive: Path, cache: Path) -> None:
    with pytest.raises(BadInput, match=r"^--archive: .*x\.tar\.gz has CPython 3\.13\.9, and 3\.14t was asked for$"):
        get("3.14t", archive=archive)


def test_what_building_lacks_is_said_before(archive: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "missing_to_build", lambda: ["gcc", "libssl-dev"])
    with pytest.raises(Failure, match=r"needs what is not here: gcc, libssl-dev \(.*apt-get install gcc libssl-dev\)$"):
        get("3.13", archive=archive)


def test_a_failing_build_leaves_nothing(archive: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get("3.13", archive=archive)
    assert [path for path in (cache / "building").iterdir() if path.is_dir()] == []
    assert list(installed_folder().iterdir()) == []


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 0", None),
        ("exit 2", "it failed without output"),
        (
            "printf 'error: Failed to install it\\n  cause: at https://a.example/b\\n  cause: dns\\n' >&2; exit 1",
            "Failed to install it; dns",
        ),
    ],
)
def test_uvs_words_are_told_without_addresses(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str | None
) -> None:
    uv = tmp_path / "python"
    uv.write_text(f'#!/bin/sh\necho "$UV_PYTHON_INSTALL_DIR $*" > {tmp_path / "asked"}\n{script}\n')
    uv.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(uv))
    assert install_by_uv("3.13t", {}, 0) == reason
    asked = (tmp_path / "asked").read_text().split()
    assert (asked[0], asked[-1]) == (str(installed_folder()), "3.13t")
