"""nox -s lock for docker/images.lock.yaml: what it writes, says and returns."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.cli import lock as command
from experiments.engines.docker import resolve_images as image_resolve
from experiments.engines.docker.registry import PLATFORMS, Answer, NoAnswer, NoSuchImage, Registry
from experiments.engines.local import list_settings
from experiments.environment.image_lock import ImageLock, ImagePins, RegistryPin, load_image_lock, write_image_lock
from experiments.environment.requirements import lock_targets
from experiments.errors import BadInput, Failure

INDEX = "application/vnd.oci.image.index.v1+json"
OLD, NEW = ("sha256:" + 64 * digit for digit in "ab")
PIN = RegistryPin("python:3.13-slim-bookworm", OLD, "3.13.15", "2026-11-22", pulled=True)
LOCK = ImageLock({"3.13": ImagePins(PIN)}, {})


class FakeRegistry(Registry):
    """Has one digest under every reference, or raises."""

    def __init__(self, answer: str | Exception) -> None:
        super().__init__(None)
        self._answer = answer

    def ask(self, reference: str) -> Answer:
        if isinstance(self._answer, Exception):
            raise self._answer
        return Answer(self._answer, INDEX, frozenset(PLATFORMS))

    def pull_version(self, pinned: str) -> str | None:
        assert pinned == f"python@{NEW}"
        return "3.13.16"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one image, which is all that is asked for; Debian has nothing."""
    monkeypatch.setattr(image_resolve, "ASKED_FOR", {"python": ("3.13",), "postgres": (), "tools": ()})
    monkeypatch.setattr(command, "DEBIAN_SUITES", {})
    write_image_lock(LOCK, tmp_path / "images.lock.yaml")
    return tmp_path / "images.lock.yaml"


def use_suites(monkeypatch: pytest.MonkeyPatch, packages: Mapping[str, str]) -> None:
    monkeypatch.setattr(
        command, "DEBIAN_SUITES", {"trixie": SimpleNamespace(python="3.13", postgres="17", tools="trixie")}
    )
    monkeypatch.setattr(command, "mmdebstrap_missing", lambda: None)
    monkeypatch.setattr(command, "archive_versions", lambda kind, version: packages)


def test_a_tag_that_has_moved_is_written_and_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.make_images(FakeRegistry(NEW), path) == 0
    pin = load_image_lock(path).python["3.13"].registry
    assert pin is not None
    assert (pin.digest, pin.version, pin.pulled) == (NEW, "3.13.16", True)
    assert capsys.readouterr().out == f"{path}\n  python 3.13: python:3.13-slim-bookworm is now 3.13.16\n"


def test_without_an_answer_the_file_stays_as_it_was_and_that_is_no_failure(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = path.read_bytes()
    assert command.make_images(FakeRegistry(NoAnswer("no such host")), path) == 0
    assert path.read_bytes() == before
    assert capsys.readouterr().out == f"{path}\n  not resolved, so as it was: python 3.13: no such host\n"


def test_a_tag_that_the_registry_lacks_fails(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.make_images(FakeRegistry(NoSuchImage("manifest unknown")), path) == 1
    assert load_image_lock(path) == LOCK
    assert "python.3.13: python:3.13-slim-bookworm is not in the registry" in capsys.readouterr().out


def test_a_reference_that_cannot_be_resolved_leaves_the_file_alone(path: Path) -> None:
    path.write_text("version: 1\npython: {'3.13': {registry: {reference: 'python:3.13-alpine'}}}\npostgres: {}\n")
    before = path.read_bytes()
    with pytest.raises(Failure, match=r"python:3\.13-alpine has no digest, and none can be asked for: no such host"):
        command.make_images(FakeRegistry(NoAnswer("no such host")), path)
    assert path.read_bytes() == before


def test_debians_versions_are_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_suites(monkeypatch, {"libc6": "2.41-12", "python3.13": "3.13.5-2"})
    command.make_images(FakeRegistry(NoAnswer("no such host")), path)
    pin = load_image_lock(path).python["3.13"].debian
    assert pin is not None
    assert (pin.suite, pin.packages) == ("trixie", {"libc6": "2.41-12", "python3.13": "3.13.5-2"})


def test_without_mmdebstrap_debians_versions_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_suites(monkeypatch, {})
    monkeypatch.setattr(command, "mmdebstrap_missing", lambda: "mmdebstrap is not installed")
    assert command.make_images(FakeRegistry(OLD), path) == 0
    assert load_image_lock(path) == LOCK
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  not resolved, so as it was: python 3.13 of Debian trixie: mmdebstrap is not installed"
    ]


def test_a_current_lock_is_called_so(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.check_images(FakeRegistry(OLD), path) == 0
    assert capsys.readouterr().out == f"{path} checked: current\n"


def test_where_no_registry_answers_the_check_says_what_it_left_out(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.check_images(FakeRegistry(NoAnswer("no such host")), path) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: not checked whether a registry has the digests of python 3.13: no such host",
        f"{path} checked: current",
    ]


def test_a_lock_that_is_missing_fails_the_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.unlink()
    assert command.check_images(FakeRegistry(OLD), path) == 1
    assert capsys.readouterr().out == f"{path} is missing: run nox -s lock\n"


def test_a_digest_that_is_gone_fails_the_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.check_images(FakeRegistry(NoSuchImage("manifest unknown")), path) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"docker/images.lock.yaml: python.3.13: the registry has no python@{OLD} (manifest unknown): "
        "run nox -s lock -- images.lock.yaml, which resolves python:3.13-slim-bookworm anew"
    ]


def test_a_version_that_is_missing_fails_the_check(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image_resolve, "ASKED_FOR", {"python": ("3.13", "3.15"), "postgres": (), "tools": ()})
    assert command.check_images(FakeRegistry(OLD), path) == 1
    assert capsys.readouterr().out.splitlines() == [
        "docker/images.lock.yaml: python.3.15 has no registry entry: run nox -s lock -- images.lock.yaml"
    ]


def test_the_projects_locks_are_current_as_far_as_can_be_seen_without_an_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "docker_answers", lambda: "no such file")
    assert command.run(arguments("--check")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "22 locks checked: current",
        "experiments/requirements/postgresql-settings.tsv checked: current",
        "docker/images.lock.yaml: not checked whether a registry has the digests of "
        "python 3.7, 3.8, 3.9, 3.10, 3.11, 3.12, 3.13, 3.14; postgres 14, 15, 16, 17, 18: no such file",
        "docker/images.lock.yaml checked: current",
    ]


@pytest.mark.parametrize(
    ("names", "worked_on"),
    [
        (["images.lock.yaml"], ["images"]),
        (["py3.13.txt"], ["py3.13.txt"]),
        (["py3.13.txt", "images.lock.yaml"], ["py3.13.txt", "images"]),
        ([], [*(target.file.name for target in lock_targets()), "settings", "images"]),
    ],
)
def test_only_what_is_named_is_made(monkeypatch: pytest.MonkeyPatch, names: list[str], worked_on: list[str]) -> None:
    done: list[str] = []

    @contextlib.contextmanager
    def registry() -> Iterator[None]:
        yield

    def make(targets: Any) -> int:
        done.extend(target.file.name for target in targets)
        return 0

    def make_images(_: Any) -> int:
        done.append("images")
        return 1

    monkeypatch.setattr(command, "reach_registry", registry)

    def make_settings() -> int:
        done.append("settings")
        return 0

    monkeypatch.setattr(command, "make", make)
    monkeypatch.setattr(command, "make_settings", make_settings)
    monkeypatch.setattr(command, "make_images", make_images)
    assert command.run(arguments(*names)) == (1 if "images" in worked_on else 0)
    assert done == worked_on


def test_a_name_close_to_the_image_locks_is_suggested() -> None:
    with pytest.raises(BadInput, match=r"unknown lock 'image\.lock\.yaml' \(did you mean images\.lock\.yaml\?"):
        command.choose(lock_targets(), ["image.lock.yaml"])


def test_the_engine_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(command, "docker_answers", lambda: None)
    monkeypatch.setattr(command, "connect", lambda: SimpleNamespace(close=lambda: closed.append(True)))
    with command.reach_registry():
        assert closed == []
    assert closed == [True]


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def test_the_list_of_settings_is_written_and_checked_by_the_locks_that_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.tsv"
    monkeypatch.setattr(
        command, "write_list", lambda: "\n".join([*list_settings.head(), "fsync\tbool\t-\t-\t-\t-\t17\n"])
    )
    assert (command.check_settings(file), command.make_settings(file), command.check_settings(file)) == (1, 0, 0)
    file.write_text(file.read_text().replace("# inputs: ", "# inputs: 13=0 "))
    assert command.check_settings(file) == 1
    outdated = f"{file} was made from other locks: run nox -s lock"
    assert capsys.readouterr().out.splitlines() == [outdated, str(file), f"{file} checked: current", outdated]
