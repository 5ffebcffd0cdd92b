from __future__ import annotations

import fcntl
import io
import json
import tarfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound

from experiments.engines.docker.debian import base_image as debian
from experiments.engines.docker.debian.base_image import (
    DEBIAN_SUITES,
    archive_versions,
    has_base,
    identifying,
    image_settings,
    make_base,
    make_recipe,
    parse_status,
    read_versions,
    suite_of,
)
from experiments.engines.docker.debian.mmdebstrap import Recipe
from experiments.errors import Failure, Unsupported

STATUS = """\
Package: libc6
Status: install ok installed
Version: 2.41-12
Description: GNU C Library: Shared libraries
 Status: is told here as well

Package: python3.13
Status: install ok installed
Version: 3.13.5-2

Package: gone
Status: deinstall ok config-files
Version: 1.0
"""
VERSIONS = {"libc6": "2.41-12", "python3.13": "3.13.5-2"}


class FakeEngine:
    """An engine that keeps the images that are handed to it."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.removed: list[str] = []
        self.images = SimpleNamespace(get=self.get)
        self.api = SimpleNamespace(
            import_image_from_file=self.take,
            images=lambda name, quiet: [self.kept[name].id] if name in self.kept else [],
            remove_image=self.removed.append,
        )

    def info(self) -> dict[str, str]:
        return {"Architecture": "x86_64"}

    def get(self, name: str) -> Any:
        if name not in self.kept:
            raise ImageNotFound(name)
        return self.kept[name]

    def take(self, file: str, *, repository: str, tag: str, changes: list[str]) -> None:
        assert Path(file).is_file()
        labels = dict(line.removeprefix("LABEL ").split("=", 1) for line in changes if line.startswith("LABEL"))
        labels = {name: value.strip("'") for name, value in labels.items()}
        image = SimpleNamespace(id=f"sha256:{len(self.kept) + len(self.removed)}", labels=labels, changes=changes)
        self.kept[f"{repository}:{tag}"] = image


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The suites that mmdebstrap was called for; it writes a tar with ``STATUS``."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    suites: list[str] = []

    def make_tar(recipe: Any, target: Path, stop: threading.Event) -> None:
        suites.append(recipe.suite)
        write_tar(target)

    monkeypatch.setattr(debian, "make_tar", make_tar)
    monkeypatch.setattr(debian, "mmdebstrap_missing", lambda: None)
    return suites


def write_tar(target: Path) -> None:
    with tarfile.open(target, "w") as archive:
        entry = tarfile.TarInfo("./var/lib/dpkg/status")
        entry.size = len(STATUS)
        archive.addfile(entry, io.BytesIO(STATUS.encode()))


def base(engine: FakeEngine, pinned: dict[str, str], told: list[str] | None = None) -> Any:
    tell = [].append if told is None else told.append
    return make_base(engine, "python", "3.13", pinned, threading.Event(), tell)  # type: ignore[arg-type]


def test_each_suite_has_one_python_and_one_postgresql() -> None:
    assert {name: (suite.python, suite.postgres) for name, suite in DEBIAN_SUITES.items()} == {
        "bookworm": ("3.11", "15"),
        "trixie": ("3.13", "17"),
        "forky": ("3.14", "18"),
    }
    assert suite_of("python", "3.14") == "forky"
    assert suite_of("postgres", "15") == "bookworm"


def test_a_version_that_no_suite_has_is_unsupported_with_those_that_there_are() -> None:
    with pytest.raises(Unsupported, match=r"^CPython 3\.9: .* they have 3\.11, 3\.13, 3\.14$"):
        suite_of("python", "3.9")
    with pytest.raises(Unsupported, match=r"^PostgreSQL 14: .* they have 15, 17, 18$"):
        suite_of("postgres", "14")


def test_the_recipe_is_for_the_processor_of_the_engine() -> None:
    recipe = make_recipe("postgres", "17", "aarch64")
    assert (recipe.suite, recipe.packages, recipe.architecture) == ("trixie", ("postgresql-17",), "arm64")
    assert make_recipe("python", "3.14", "x86_64").packages == ("python3.14", "python3.14-venv", "libstdc++6")
    with pytest.raises(Unsupported, match="this is riscv64"):
        make_recipe("postgres", "17", "riscv64")
    tools = make_recipe("tools", "bookworm", "aarch64")
    assert (tools.suite, tools.packages, tools.merge_usr) == ("bookworm", ("strace", "valgrind"), True)


def test_versions_are_those_of_what_is_installed() -> None:
    assert dict(parse_status(STATUS)) == VERSIONS


def test_versions_are_read_from_the_root_file_system(tmp_path: Path) -> None:
    write_tar(tmp_path / "base.tar")
    assert read_versions(tmp_path / "base.tar") == VERSIONS


def test_the_program_and_the_c_library_identify_a_base() -> None:
    installed = {**VERSIONS, "postgresql-17": "17.12-0", "tzdata": "2026a"}
    assert identifying("python", "3.13", installed) == VERSIONS
    tools = {"strace": "6.13", "valgrind": "1:3.24"}
    assert identifying("tools", "trixie", {**installed, **tools}) == tools
    assert identifying("postgres", "17", installed) == {"libc6": "2.41-12", "postgresql-17": "17.12-0"}
    with pytest.raises(Failure, match=r"without python3\.14"):
        identifying("python", "3.14", installed)


def test_versions_of_the_archive_are_asked_for_without_making_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "candidate_versions", lambda recipe: {**VERSIONS, "tzdata": "2026a"})
    assert archive_versions("python", "3.13") == VERSIONS


def test_the_programs_of_postgresql_are_found_before_the_scripts_of_the_same_names() -> None:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert image_settings("postgres", "17")[0] == f"ENV PATH=/usr/lib/postgresql/17/bin:{path}"
    assert image_settings("python", "3.13") == [f"ENV PATH={path}", "ENV LANG=C.UTF-8"]


def test_a_base_is_made_once_and_says_what_it_is(made: list[str], tmp_path: Path) -> None:
    engine, told = FakeEngine(), list[str]()
    first, second = base(engine, VERSIONS, told), base(engine, VERSIONS, told)
    assert made == ["trixie"]
    assert told == ["making its base from Debian trixie (about a minute)"]
    assert (first.made, second.made) == (True, False)
    assert first.recipe == second.recipe == make_recipe("python", "3.13", "x86_64").name()
    assert (first.image_id, first.suite, dict(first.packages)) == (second.image_id, "trixie", VERSIONS)
    labels = engine.get("bigdata-matrix/debian-python:3.13").labels
    assert labels["bigdata-matrix.image"] == "debian-python"
    assert json.loads(labels["bigdata-matrix.packages"]) == VERSIONS
    assert [path.name for path in (tmp_path / "bigdata-matrix" / "debian").iterdir()] == ["python-3.13.lock"]


def test_a_base_that_drifted_is_kept_until_the_lock_says_something_else(made: list[str]) -> None:
    engine = FakeEngine()
    older = {**VERSIONS, "python3.13": "3.13.5-1"}
    assert [base(engine, older).made, base(engine, older).made] == [True, False]
    assert [base(engine, VERSIONS).made, base(engine, VERSIONS).made] == [True, False]
    assert engine.removed == ["sha256:0"]


def test_without_mmdebstrap_a_base_that_another_recipe_made_is_used(
    made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()
    recipe = base(engine, VERSIONS).recipe
    monkeypatch.setattr(Recipe, "name", lambda recipe: "other")
    monkeypatch.setenv("BIGDATA_DEBIAN_MIRROR", "a mirror that is not known where images are made")
    monkeypatch.setattr(debian, "mmdebstrap_missing", lambda: "mmdebstrap is not installed")
    found = base(engine, VERSIONS)
    # It is told by the recipe that made it.
    assert (found.made, found.recipe) == (False, recipe)
    assert has_base(engine, "python")  # type: ignore[arg-type]
    assert not has_base(engine, "postgres")  # type: ignore[arg-type]
    monkeypatch.setattr(debian, "mmdebstrap_missing", lambda: None)
    assert base(engine, VERSIONS).made


def test_nobody_waits_for_another_harness_when_all_is_to_stop(made: list[str], tmp_path: Path) -> None:
    engine: Any = FakeEngine()
    base(engine, VERSIONS)
    stop = threading.Event()
    stop.set()
    with (tmp_path / "bigdata-matrix" / "debian" / "python-3.13.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Failure, match=r"^the base image python-3\.13: stopped while another process was at it$"):
            make_base(engine, "python", "3.13", VERSIONS, stop, print)


def test_what_a_killed_harness_left_is_removed(made: list[str], tmp_path: Path) -> None:
    left = tmp_path / "bigdata-matrix" / "debian" / "python-3.13"
    left.mkdir(parents=True)
    (left / "base.tar").write_bytes(b"half")
    base(FakeEngine(), VERSIONS)
    assert not left.exists()
