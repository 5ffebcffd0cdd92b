from __future__ import annotations

import threading
from argparse import ArgumentParser
from pathlib import Path

import pytest
from docker import DockerClient

from experiments.cli import clean
from experiments.engines.docker.image_labels import MadeImage
from experiments.environment.cache import cache_in_use, remove_cache, sole_use_of_cache
from experiments.errors import BadInput, Failure


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The images of the machine that the tests run on are not theirs to remove."""

    def refuse() -> DockerClient:
        raise BadInput("no Docker engine answers")

    monkeypatch.setattr(clean, "connect", refuse)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one venv, where the folder that servers lie in is the same one, as for an ordinary user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("experiments.environment.cache.shared_folder", lambda: tmp_path / "bigdata-matrix")
    venv = tmp_path / "bigdata-matrix" / "venvs" / "py3.13-0123"
    venv.mkdir(parents=True)
    (venv / "file").write_bytes(b"x" * 1_500_000)
    return tmp_path / "bigdata-matrix"


def run(*arguments: str) -> int:
    parser = ArgumentParser()
    clean.add_arguments(parser)
    return clean.run(parser.parse_args(arguments))


def test_it_shows_what_is_there_with_sizes_and_removes_it(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert capsys.readouterr().out == f"{cache}  1.5 MB\n  venvs/py3.13-0123  1.5 MB\nremoved {cache}\n"
    assert not cache.exists()


def test_showing_removes_nothing(cache: Path) -> None:
    assert run("--show") == 0
    assert (cache / "venvs" / "py3.13-0123" / "file").exists()


def test_an_empty_cache_is_said_to_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    capsys.readouterr()
    assert run() == 0
    assert capsys.readouterr().out == "the cache is empty\n"


def test_while_a_campaign_runs_it_refuses(cache: Path) -> None:
    with cache_in_use(), pytest.raises(Failure, match="is using the cache"):
        run()
    assert (cache / "venvs" / "py3.13-0123" / "file").exists()


def test_no_campaign_gets_in_while_it_removes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def campaign() -> None:
        with cache_in_use(), sole_use_of_cache() as alone:
            order.append(f"in, {alone}, {[path.name for path in cache.iterdir()]}")

    late = threading.Thread(target=campaign)

    def remove(folder: Path) -> None:
        if not order:
            late.start()
            late.join(0.3)
        order.append("removed")
        remove_cache(folder)

    monkeypatch.setattr(clean, "remove_cache", remove)
    assert run() == 0
    late.join(10)
    assert order == ["removed", "in, False, ['in-use']"]


class FakeEngine:
    """Has two images until they are removed."""

    def __init__(self) -> None:
        self.images = [
            MadeImage("sha256:0123456789abcdef", ("bigdata-matrix/loader:py3.13-ab",), "loader", 150_000_000),
            MadeImage("sha256:fedcba9876543210", (), "stage", 160_000_000),
        ]

    def close(self) -> None:
        pass


def test_images_are_shown_and_removed_too(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def remove_images(engine: FakeEngine) -> list[str]:
        return [tag for image in engine.images for tag in image.tags]

    monkeypatch.setattr(clean, "connect", FakeEngine)
    monkeypatch.setattr(clean, "list_images", lambda engine: engine.images)
    monkeypatch.setattr(clean, "check_engine_unused", lambda engine: None)
    monkeypatch.setattr(clean, "sweep_docker", lambda engine: ["removed a container"])
    monkeypatch.setattr(clean, "remove_images", remove_images)
    shown = "image bigdata-matrix/loader:py3.13-ab  150.0 MB\n"
    shown += "1 image without a name: intermediate steps and older versions\n"
    assert run("--show") == 0
    assert capsys.readouterr().out.endswith(shown + "\n")
    assert run() == 0
    removed = f"removed a container\nremoved image bigdata-matrix/loader:py3.13-ab\nremoved {cache}\n"
    assert capsys.readouterr().out.endswith(shown + removed)


def test_while_a_campaign_with_another_cache_has_things_in_the_engine_it_refuses(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(engine: FakeEngine) -> None:
        raise Failure("a campaign or a test run is using the Docker engine (process 7): wait until it has ended")

    monkeypatch.setattr(clean, "connect", FakeEngine)
    monkeypatch.setattr(clean, "list_images", lambda engine: engine.images)
    monkeypatch.setattr(clean, "check_engine_unused", refuse)
    monkeypatch.setattr(clean, "remove_images", lambda engine: pytest.fail("it removed images"))
    with pytest.raises(Failure, match=r"the Docker engine \(process 7\)"):
        run()
    assert cache.exists()
