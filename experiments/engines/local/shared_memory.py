"""PostgreSQL's dynamic shared memory, which a server that is killed cannot remove.

It is POSIX shared memory, which Linux shows as files (shm_overview(7)). The server has one control segment from its
start to its end, and that lists all the others (src/backend/storage/ipc/dsm.c, alike in PostgreSQL 14 to 18).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108

_NAME = re.compile(r"PostgreSQL\.\d+")
# dsm_control_header: magic, number of items, room for items; the items are aligned to 8 bytes.
_HEADER = struct.Struct("=III4x")
_MAGIC = 0x9A503D32
# dsm_control_item: handle, reference count, first page, pages, pointer, flag.
_ITEM = struct.Struct("=II32x")


def mapped_segments(pid: int) -> tuple[str, ...]:
    """The names of the segments that a process has in its memory; of a postmaster that is the control segment.

    A process that has ended has none: an autovacuum worker, say, comes and goes as it likes.
    """
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    paths = (Path(line.split(maxsplit=5)[-1]) for line in lines)
    return tuple(dict.fromkeys(path.name for path in paths if path.parent == MEMORY))


def remove_segments(names: Iterable[str], memory: Path = MEMORY) -> None:
    """Remove the segments of a server that has ended, and those that a control segment among them lists."""
    for name in filter(_NAME.fullmatch, names):
        for handle in _listed(memory / name):
            (memory / f"PostgreSQL.{handle}").unlink(missing_ok=True)
        (memory / name).unlink(missing_ok=True)


def _listed(segment: Path) -> Iterator[int]:
    """The handles in a control segment that are in use; none for any other segment."""
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
