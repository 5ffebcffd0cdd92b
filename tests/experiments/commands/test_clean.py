from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest

from experiments.cache import cache_in_use
from experiments.commands import clean
from experiments.errors import Failure


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one venv, where the folder that servers lie in is the same one, as for an ordinary user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("experiments.cache.shared_folder", lambda: tmp_path / "bigdata-matrix")
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
