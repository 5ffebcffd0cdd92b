"""Shared memory that a killed PostgreSQL leaves: a System V segment, and the POSIX segments that it leads to."""

import contextlib
import ctypes
import struct
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108
SEGMENTS = Path("/proc/sysvipc/shm")

# PGShmemHeader: magic, creator, two sizes, handle of the control segment, a pointer; device and inode of the data.
_SHIM = struct.Struct("=ii16xI4x8xQQ")
_SHIM_MAGIC = 679834894
_KEY = 0xFFFFFFFF
# dsm_control_header: magic, number of items, room for items; the items are aligned to 8 bytes.
_HEADER = struct.Struct("=III4x")
_MAGIC = 0x9A503D32
# dsm_control_item: handle, reference count, first page, pages, pointer, flag.
_ITEM = struct.Struct("=II32x")

_SHM_RDONLY = 0o10000
_IPC_RMID = 0


def remove_shared_memory(data: Path) -> None:
    """Remove the shared memory of an ended server by its data directory, which each filled segment names."""
    with contextlib.suppress(FileNotFoundError):
        place = data.stat()
        for segment, control in list(_shims(place.st_dev, place.st_ino)):
            remove_segments(control)
            ctypes.CDLL(None).shmctl(segment, _IPC_RMID, None)


def remove_segments(control: int, memory: Path = MEMORY) -> None:
    """Remove a control segment by its handle, and the segments that it lists."""
    for handle in (*_listed(memory / f"PostgreSQL.{control}"), control):
        (memory / f"PostgreSQL.{handle}").unlink(missing_ok=True)


def _shims(device: int, inode: int) -> Iterator[tuple[int, int]]:
    """Yield the System V segments of this data directory, each with the handle of its control segment."""
    for line in SEGMENTS.read_text().splitlines()[1:]:
        key, segment, _, size, _, _, attached = map(int, line.split()[:7])
        content = _read(segment) if size == _SHIM.size else None
        if content is not None:
            magic, _, control, *place = _SHIM.unpack(content)
            if magic == _SHIM_MAGIC and place == [device, inode]:
                yield segment, control
            # Of a server that was killed before it filled it: its key is the directory's inode (sysv_shmem.c).
            elif place == [0, 0] and key & _KEY == inode & _KEY and not attached:
                yield segment, 0


def _read(segment: int) -> bytes | None:
    """Return the beginning of a System V segment; None of another user's, and of one that has gone."""
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmdt.argtypes = [ctypes.c_void_p]
    address = libc.shmat(segment, None, _SHM_RDONLY)
    if address == ctypes.c_void_p(-1).value:
        return None
    content = ctypes.string_at(address, _SHIM.size)
    libc.shmdt(address)
    return content


def _listed(segment: Path) -> Iterator[int]:
    """List the handles in use in a control segment; none for any other segment."""
    try:
        content = segment.read_bytes()
    except FileNotFoundError:
        return
    if len(content) < _HEADER.size:
        return
    magic, items, _ = _HEADER.unpack_from(content)
    if magic != _MAGIC:
        return
    for number in range(min(items, (len(content) - _HEADER.size) // _ITEM.size)):
        handle, references = _ITEM.unpack_from(content, _HEADER.size + number * _ITEM.size)
        if references:
            yield handle
