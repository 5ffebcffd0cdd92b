"""Where the harness keeps what it can make again: venvs, PostgreSQL binaries, and the servers of a running campaign."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

_NAME = "bigdata-matrix"
_FOR_EVERY_USER = Path("/var/cache") / _NAME


def cache_folder() -> Path:
    """The user's own cache: ``$XDG_CACHE_HOME/bigdata-matrix``, else ``~/.cache`` (``~/Library/Caches`` on macOS)."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    if Path(configured).is_absolute():
        return Path(configured) / _NAME
    base = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / base / _NAME


def shared_folder() -> Path:
    """Where PostgreSQL's binaries and data live: a place that the account it runs under can reach.

    PostgreSQL never runs as root, so for root that account is another one, which cannot enter a private home. Then,
    unless every folder down to the cache lets others pass, it is ``/var/cache/bigdata-matrix``. Anybody else runs the
    server under their own account, and the cache folder serves.
    """
    own = cache_folder()
    if os.geteuid() != 0 or _others_can_enter(own):
        return own
    return _FOR_EVERY_USER


def cache_folders() -> tuple[Path, ...]:
    """Every folder that the harness keeps things in, those that do not exist (yet) left out."""
    folders = dict.fromkeys((cache_folder(), shared_folder()))
    return tuple(folder for folder in folders if folder.is_dir())


def ensure_folder(folder: Path, *, private: bool) -> Path:
    """Create the folder where it is missing: a private one for its owner only, others readable by everyone."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            ensure_folder(folder.parent, private=False)
        folder.mkdir(exist_ok=True)
        # Whatever the umask is: PostgreSQL's account has to get through.
        folder.chmod(0o700 if private else 0o755)
    return folder


def size_bytes(folder: Path) -> int:
    """What the files below the folder hold, links not followed; files that vanish meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def remove(folder: Path) -> None:
    """Remove the folder and everything in it; nothing happens where it is gone already."""
    if folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def cache_in_use() -> Iterator[None]:
    """While this holds, ``nox -s clean`` refuses. Any number of campaigns may hold it; it ends with its process."""
    with _use_file().open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def is_cache_in_use() -> bool:
    """Whether any process holds ``cache_in_use``."""
    with _use_file().open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _use_file() -> Path:
    """In the shared folder: root's campaigns with different caches have the same one of these."""
    return ensure_folder(shared_folder(), private=False) / "in-use"


def _others_can_enter(folder: Path) -> bool:
    """Whether every existing folder on the way lets other users pass; what is missing will be created so."""
    way = (folder, *folder.parents)
    return all(stat.S_IMODE(step.stat().st_mode) & stat.S_IXOTH for step in way if step.exists())
