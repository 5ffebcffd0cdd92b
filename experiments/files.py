"""Writing files so that a reader, or the next start after a kill, finds them whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace the file at once. ``durable``: it has reached the disk when this returns, so it survives a power cut."""
    scratch = path.with_name(f".{path.name}.new")
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
    """Remove what a writer that was killed left behind the last line's end; true where there was something."""
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
