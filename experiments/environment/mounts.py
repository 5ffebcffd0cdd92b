"""Mounted file systems: which one holds a folder."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileSystem:
    """One mounted file system; ``upper`` is the folder that an overlay really writes to."""

    mount_point: Path
    kind: str
    upper: Path | None = None


def file_system_of(path: Path, mounts: tuple[FileSystem, ...]) -> FileSystem:
    """Return the file system that holds the path: the last one with the longest mount point above it."""
    above = [mount for mount in mounts if path.is_relative_to(mount.mount_point)]
    unknown = FileSystem(Path("/"), "file system of unknown kind")
    return max(reversed(above), key=lambda mount: len(mount.mount_point.parts), default=unknown)


def read_mounts(text: str | None = None) -> tuple[FileSystem, ...]:
    """Read ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)), in the order of mounting."""
    if text is None:
        text = Path("/proc/self/mountinfo").read_text()
    return tuple(_parse_mount(line) for line in text.splitlines())


def _parse_mount(line: str) -> FileSystem:
    before, _, after = line.partition(" - ")
    kind, _, options = after.split(" ", 2)
    upper = re.search(r"(?:^|,)upperdir=([^,]*)", options)
    return FileSystem(_unescape(before.split(" ")[4]), kind, _unescape(upper[1]) if upper else None)


def _unescape(path: str) -> Path:
    """Decode blanks and the like, written as three octal digits."""
    return Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path))
