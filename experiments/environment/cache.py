"""Cache folders: venvs, PostgreSQL's binaries, and the servers of a running campaign."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from experiments.files import named_errors

_NAME = "bigdata-matrix"
# Written last: a folder without it was left half-made by a process that was killed.
_MARKER = "complete"
_IN_USE = "in-use"
_DAY_S = 24 * 60 * 60
_FOR_EVERY_USER = Path("/var/cache") / _NAME


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/bigdata-matrix``, else it below ``~/.cache`` (macOS: ``~/Library/Caches``)."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    if Path(configured).is_absolute():
        return Path(configured) / _NAME
    base = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return Path.home() / base / _NAME


def shared_folder() -> Path:
    """Return the folder that PostgreSQL's account reaches: of root the one for all users if the home is private."""
    # PostgreSQL never runs as root: for root its account is another one, which cannot enter a private home.
    own = cache_folder()
    if os.geteuid() != 0 or _others_can_enter(own):
        return own
    return _FOR_EVERY_USER


def cache_folders() -> tuple[Path, ...]:
    """Return the existing folders that the harness keeps things in."""
    folders = dict.fromkeys((cache_folder(), shared_folder()))
    return tuple(folder for folder in folders if folder.is_dir())


def ensure_folder(folder: Path, *, private: bool) -> Path:
    """Create the folder if it is missing: private for its owner, or readable by everyone."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            ensure_folder(folder.parent, private=False)
        folder.mkdir(exist_ok=True)
        # Whatever the umask is: PostgreSQL's account has to get through.
        folder.chmod(0o700 if private else 0o755)
    return folder


def size_bytes(folder: Path) -> int:
    """Sum the sizes of the files below the folder; do not follow links."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def remove(folder: Path) -> None:
    """Remove the folder and its contents, if it exists."""
    if folder.exists():
        shutil.rmtree(folder)


def lock_file(file: IO[str]) -> None:
    """Lock the file until it is closed, once no other process has it locked."""
    fcntl.flock(file, fcntl.LOCK_EX)


@contextlib.contextmanager
def turn_at(folder: Path, lock: Callable[[IO[str]], None] = lock_file) -> Iterator[int]:
    """Keep every other process from what is made at ``folder``; yield the locked file's descriptor."""
    ensure_folder(folder.parent, private=False)
    with named_errors(folder), folder.with_name(f"{folder.name}.lock").open("w") as turn:
        lock(turn)
        yield turn.fileno()


@contextlib.contextmanager
def working_folder(folder: Path, lock: Callable[[IO[str]], None] = lock_file) -> Iterator[int]:
    """Make an empty folder for one process at a time, removed at the end; yield the locked file's descriptor."""
    with turn_at(folder, lock) as turn:
        # What one left that was killed.
        remove(folder)
        folder.mkdir()
        try:
            yield turn
        finally:
            remove(folder)


def make_once(folder: Path, make: Callable[[int], None], lock: Callable[[IO[str]], None] = lock_file) -> None:
    """Have a folder made once, complete or not at all; ``make`` gets the locked file's descriptor, others wait."""
    with turn_at(folder, lock) as turn:
        if (folder / _MARKER).exists():
            return
        remove(folder)
        try:
            make(turn)
            (folder / _MARKER).touch()
        except BaseException:
            remove(folder)
            raise


def is_news(line: str) -> bool:
    """Return whether the line was not told within the last day, and note that it is told now."""
    note = ensure_folder(cache_folder() / "told", private=False) / hashlib.sha256(line.encode()).hexdigest()[:16]
    news = not note.exists() or time.time() - note.stat().st_mtime > _DAY_S
    if news:
        note.touch()
    return news


@contextlib.contextmanager
def cache_in_use() -> Iterator[None]:
    """Hold a shared lock that makes ``nox -s clean`` refuse; it ends with its process."""
    while (file := _lock_use_file()) is None:
        continue
    with file:
        yield


@contextlib.contextmanager
def sole_use_of_cache() -> Iterator[bool]:
    """Keep everybody out of the cache; yield False where a process holds ``cache_in_use``."""
    with _use_file().open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def remove_cache(folder: Path) -> None:
    """Remove a folder of the cache, for whom has the sole use; the lock file goes last."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _IN_USE:
            entry.unlink()
    (folder / _IN_USE).unlink(missing_ok=True)
    # Somebody may already wait with a lock file of their own.
    with contextlib.suppress(OSError):
        folder.rmdir()


def _use_file() -> Path:
    """Return the lock file, in the shared folder: root's campaigns may have different caches."""
    return ensure_folder(shared_folder(), private=False) / _IN_USE


def _lock_use_file() -> IO[str] | None:
    """Return the lock file with a shared lock; None if it was removed while this waited: it would keep nobody out."""
    try:
        file = _use_file().open("w")
        fcntl.flock(file, fcntl.LOCK_SH)
        if os.path.samestat(os.fstat(file.fileno()), _use_file().stat()):
            return file
    except FileNotFoundError:
        return None
    file.close()
    return None


def _others_can_enter(folder: Path) -> bool:
    """Return whether every existing folder on the way lets other users pass."""
    way = (folder, *folder.parents)
    return all(stat.S_IMODE(step.stat().st_mode) & stat.S_IXOTH for step in way if step.exists())
