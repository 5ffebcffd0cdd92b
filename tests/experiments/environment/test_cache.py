from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from experiments.environment.cache import (
    cache_folder,
    cache_folders,
    cache_in_use,
    ensure_folder,
    is_news,
    remove,
    shared_folder,
    size_bytes,
    sole_use_of_cache,
)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_the_cache_is_where_xdg_says(base: Path) -> None:
    assert cache_folder() == base / "bigdata-matrix"


@pytest.mark.parametrize("value", ["", "relative"])
def test_without_an_absolute_xdg_folder_it_is_in_the_home(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path("/home/me/.cache/bigdata-matrix")
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path("/home/me/Library/Caches/bigdata-matrix")


def test_an_ordinary_user_keeps_the_servers_in_the_same_folder(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert shared_folder() == cache_folder()


def test_root_keeps_the_servers_where_others_can_enter(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    base.chmod(0o700)
    assert shared_folder() == Path("/var/cache/bigdata-matrix")


def test_root_keeps_them_in_the_cache_where_others_can_enter_that(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result((0o40755, *[0] * 9)))
    assert shared_folder() == cache_folder()


def test_folders_are_made_with_their_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        ensure_folder(tmp_path / "a" / "open", private=False)
        ensure_folder(tmp_path / "a" / "private", private=True)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"a": 0o755, "open": 0o755, "private": 0o700}


def test_sizes_count_files_and_no_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"x" * 1000)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert size_bytes(tmp_path) == 1000
    assert size_bytes(tmp_path / "none") == 0


def test_removing_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    remove(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_what_was_told_is_news_again_after_a_day(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [is_news("a"), is_news("b"), is_news("a")] == [True, True, False]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 24 * 60 * 60 + 5)
    assert [is_news("a"), is_news("b")] == [True, True]


def test_nobody_has_the_cache_alone_while_somebody_uses_it(monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    def is_free() -> bool:
        with sole_use_of_cache() as alone:
            return alone

    monkeypatch.setattr("experiments.environment.cache.shared_folder", cache_folder)
    assert is_free()
    with cache_in_use(), cache_in_use():
        assert not is_free()
    assert is_free()
    assert cache_folder() in cache_folders()
