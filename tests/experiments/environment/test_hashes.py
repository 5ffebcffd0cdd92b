from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.environment.hashes import PROJECT, short_hash, source_hash, text_hash
from experiments.environment.requirements import loader_lock, lock_hash


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


def with_crlf(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def test_the_hash_of_a_text_does_not_depend_on_the_line_ends_of_a_checkout(project: Path) -> None:
    (project / "bigdata" / "cmd.py").write_text("a\nb\n")
    before = (source_hash(project), text_hash(project / "bigdata" / "cmd.py"))
    with_crlf(project / "bigdata" / "cmd.py")
    assert (source_hash(project), text_hash(project / "bigdata" / "cmd.py")) == before


def test_the_hash_of_a_lock_does_not_depend_on_the_line_ends_of_a_checkout(tmp_path: Path) -> None:
    lock = loader_lock("3.13", tmp_path)
    lock.parent.mkdir(parents=True)
    lock.write_bytes(loader_lock("3.13").read_bytes())
    with_crlf(lock)
    assert lock_hash("3.13", tmp_path) == lock_hash("3.13")


def test_a_checkout_with_converted_line_ends_has_the_same_bytes(tmp_path: Path) -> None:
    files = ["bigdata/cmd.py", "docker/start-postgres.sh", "matrix.yaml", "docker/requirements/py3.13.txt"]
    checkout = ["git", "-c", "core.autocrlf=true", "checkout-index", f"--prefix={tmp_path}/", "--", *files]
    if not (PROJECT / ".git").exists():
        pytest.skip("no checkout of git")
    subprocess.run(checkout, cwd=PROJECT, check=True)
    assert [b"\r\n" in (tmp_path / file).read_bytes() for file in files] == [False] * len(files)
