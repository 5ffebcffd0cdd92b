"""Atomic and durable writes of files."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace the file atomically. ``durable``: it has reached the disk when this returns."""
    scratch = path.with_name(f".{path.name}.new")
    # What a killed writer left, or a link that leads elsewhere.
    scratch.unlink(missing_ok=True)
    with scratch.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    scratch.replace(path)
    if durable:
        sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line; it has reached the disk when this returns."""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def cut_torn_line(path: Path) -> bool:
    """Remove an incomplete last line that a killed writer left; return whether there was one."""
    if not path.exists():
        return False
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole == len(content):
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
