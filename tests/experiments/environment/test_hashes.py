from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.environment.hashes import short_hash, source_hash


def test_a_short_hash_changes_with_each_text_and_with_their_borders() -> None:
    assert re.fullmatch(r"[0-9a-f]{6}", short_hash("a"))
    assert short_hash("a", "b") == short_hash("a", "b")
    assert len({short_hash("a"), short_hash("b"), short_hash("a", "b"), short_hash("ab"), short_hash()}) == 5


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {"cmd.py": "a", "loaders/one.py": "b", "dictionary/items.csv": "c", "notes.md": "d"}.items():
        path = tmp_path / "bigdata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda loader: (loader / "cmd.py").write_text("A"),
        lambda loader: (loader / "loaders/one.py").write_text("b "),
        lambda loader: (loader / "dictionary/items.csv").write_text("C"),
        lambda loader: (loader / "loaders/two.py").touch(),
        lambda loader: (loader / "cmd.py").unlink(),
        lambda loader: (loader / "cmd.py").rename(loader / "cmd2.py"),
    ],
    ids=["a module", "a hot loop", "the dictionary", "a new module", "a module less", "another name"],
)
def test_the_hash_of_the_source_changes_with_every_module_and_the_dictionary(
    change: Callable[[Path], object], project: Path
) -> None:
    before = source_hash(project)
    change(project / "bigdata")
    assert source_hash(project) != before


def test_the_hash_of_the_source_is_of_nothing_else(project: Path) -> None:
    before = source_hash(project)
    (project / "bigdata/notes.md").write_text("D")
    (project / "other.py").touch()
    assert source_hash(project) == before
