"""Atomic and durable writes of files, and errors that name the file."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from experiments.errors import Failure

_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))
_NO_RIGHT = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))


def write_whole(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace the file atomically. ``durable``: it has reached the disk when this returns."""
    scratch = path.with_name(f".{path.name}.new")
    # What a killed writer left, or a link that leads elsewhere.
    scratch.unlink(missing_ok=True)
    try:
        with named_errors(path), scratch.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line, whole or not at all; it has reached the disk when this returns."""
    rest = f"{line}\n".encode()
    with named_errors(path), path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(before)
            raise


def cut_torn_line(path: Path) -> bool:
    """Remove an incomplete last line that a killed writer left; return whether there was one."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        # Of a large file only the end is read. An empty one cannot be mapped.
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).rfind(b"\n") + 1 if size else 0
    if whole == size:
        return False
    with path.open("r+b") as file:
        file.truncate(whole)
        os.fsync(file.fileno())
    return True


def sync_folder(folder: Path) -> None:
    """Make the names of new files in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Give an OSError of a write the file, which it does not name, and the Failure of a program the free space."""
    try:
        yield
    except Failure as failure:
        if os.strerror(errno.ENOSPC) not in str(failure):
            raise
        raise Failure(f"{failure}; {_describe_space(path)}") from failure
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def describe_os_error(error: OSError) -> str:
    """Return 'FILE: what is wrong', with what to do where a folder is full or cannot be written to."""
    if error.filename is None or error.strerror is None:
        return str(error)
    file = Path(os.fsdecode(error.filename))
    text = f"{file}: {error.strerror}"
    if error.errno in _NO_ROOM:
        text += f"; {_describe_space(file)}"
    elif error.errno in _NO_RIGHT:
        text += "; expected a folder that can be written to; name another (results: --results, cache: XDG_CACHE_HOME)"
    return text


def _describe_space(file: Path) -> str:
    folder = next(parent for parent in file.absolute().parents if parent.is_dir())
    free = os.statvfs(folder)
    space = f"{free.f_bavail * free.f_frsize / 1e6:,.1f} MB and {free.f_favail:,} inodes free"
    return f"{folder} has {space}; make room, then rerun the same command"
