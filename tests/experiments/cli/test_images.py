from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.cli import images as command
from experiments.engines.docker.base_images import Base, Choice
from experiments.engines.docker.loader_image import LoaderImage
from experiments.environment.image_lock import ImageLock
from experiments.environment.package_sets import project_lock
from experiments.errors import BadInput, Failure


class FakeImages:
    """Images of Debian's packages; PostgreSQL 18 cannot be made."""

    def __init__(self, client: Any, lock: ImageLock, source: str, offline: str | None) -> None:
        self.source = source

    def pythons(self) -> tuple[str, ...]:
        return ("3.11", "3.13")

    def majors(self) -> tuple[str, ...]:
        return ("17", "18")

    def make(self, pythons: Any, majors: Any, tell: Any) -> None:
        tell(f"making {' '.join((*pythons, *majors))}")

    def loader(self, python: str) -> LoaderImage:
        return LoaderImage(f"id-{python}", "tag", base(python), python, project_lock("3.13"), made=True)

    def postgres(self, major: str) -> Base:
        if major == "18":
            raise Failure("no space left")
        return base(major)


def base(version: str) -> Base:
    return Base("", f"id-{version}", "debian", f"debian trixie: program {version}")


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine where every image has 123,456,789 bytes, and no registry behind it."""
    sizes = SimpleNamespace(get=lambda image_id: SimpleNamespace(attrs={"Size": 123_456_789}))
    monkeypatch.setattr(command, "connect", lambda: SimpleNamespace(images=sizes, close=lambda: None))
    monkeypatch.setattr(command, "Images", FakeImages)
    monkeypatch.setattr(command, "choose_source", lambda client, lock, asked: Choice("debian", f"asked for {asked}"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def run(*arguments: str) -> int:
    parser = ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


def test_it_makes_what_is_named_and_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--python", "3.13", "--postgres", "17", "--source", "debian") == 0
    assert capsys.readouterr().out.splitlines() == [
        "asked for debian",
        "making 3.13 17",
        "image          base                           size  state",
        "-------------  ---------------------------  ------  -------------",
        "Python 3.13    debian trixie: program 3.13  123 MB  made",
        "PostgreSQL 17  debian trixie: program 17    123 MB  there already",
    ]


def test_without_names_it_makes_all_and_says_which_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["asked for auto", "making 3.11 3.13 17 18"]
    assert lines[-2].split() == ["PostgreSQL", "18", "failed"]
    assert lines[-1] == "PostgreSQL 18: no space left"


def test_who_names_some_of_one_kind_gets_none_of_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    run("--python", "3.13", "--python", "3.11")
    assert "making 3.11 3.13\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--python", "3.9"), "--python: Python 3.9 is not among Debian's packages; known: 3.11, 3.13"),
        (("--postgres", "9"), "--postgres: PostgreSQL 9 is not among Debian's packages; known: 17, 18"),
    ],
)
def test_a_version_that_the_source_does_not_have_is_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        run(*arguments)
    assert str(caught.value) == message


def test_an_unknown_source_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--source", "ubuntu")
    assert "invalid choice: 'ubuntu'" in capsys.readouterr().err
