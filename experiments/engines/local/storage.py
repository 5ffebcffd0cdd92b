"""Folder of a PostgreSQL's data: on a disk, or in memory."""

import os
from collections.abc import Callable
from pathlib import Path

from experiments.engines.postgres import MEMORY_FILE_SYSTEMS, MEMORY_NEEDED_BYTES
from experiments.environment.cache import ensure_folder, shared_folder
from experiments.environment.mounts import FileSystem, file_system_of, read_mounts
from experiments.errors import BadInput, Unsupported

STORAGES = ("disk", "tmpfs")

_MEMORY = Path("/dev/shm")  # noqa: S108 - the one tmpfs that every Linux has


def data_parent(storage: str) -> Path:
    """Return the folder of data directories. Raises Unsupported for a storage not here, BadInput for an unknown one."""
    if storage == "disk":
        folder = ensure_folder(shared_folder() / "postgresql-data", private=False)
        check_is_disk(folder, read_mounts())
        return folder
    if storage == "tmpfs":
        check_is_memory(_MEMORY, read_mounts(), _free_bytes)
        return _MEMORY
    raise BadInput(f"storage {storage!r} is unknown; known: {', '.join(STORAGES)}")


def check_is_disk(folder: Path, mounts: tuple[FileSystem, ...]) -> None:
    """Raise Unsupported where the folder is kept in memory: durable commits would cost nothing there."""
    found = file_system_of(folder, mounts)
    written_to = file_system_of(found.upper, mounts) if found.upper is not None else found
    if written_to.kind in MEMORY_FILE_SYSTEMS:
        raise Unsupported(
            f"storage disk: {folder} is on a {found.kind} that is kept in memory, so it would measure no disk. "
            "Set XDG_CACHE_HOME to a folder on a disk."
        )


def check_is_memory(folder: Path, mounts: tuple[FileSystem, ...], free_bytes: Callable[[Path], int]) -> None:
    """Raise Unsupported where the folder is no file system in memory, or has too little room."""
    if not folder.is_dir() or (kind := file_system_of(folder, mounts).kind) not in MEMORY_FILE_SYSTEMS:
        found = f"is on a {kind}" if folder.is_dir() else "does not exist"
        raise Unsupported(f"storage tmpfs: {folder} {found}, and it has to be a tmpfs")
    free = free_bytes(folder)
    if free < MEMORY_NEEDED_BYTES:
        raise Unsupported(
            f"storage tmpfs: {folder} has {free / 1024**2:.0f} MiB free, and {MEMORY_NEEDED_BYTES / 1024**2:.0f} MiB "
            "are needed (in a container, start it with --shm-size)"
        )


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
