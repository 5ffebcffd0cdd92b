from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import pytest

from experiments.engines.local.shared_memory import SEGMENTS, remove_segments, remove_shared_memory


def control_segment(*items: tuple[int, int]) -> bytes:
    """As PostgreSQL 17.11 leaves it: header, then handle and reference count of each item, then room."""
    listed = b"".join(struct.pack("=IIQQQQ", handle, references, 0, 0, 0, 0) for handle, references in items)
    return struct.pack("=III4x", 0x9A503D32, len(items), 254) + listed + bytes(80)


def test_the_segments_that_the_control_segment_lists_go_with_it_and_no_others(tmp_path: Path) -> None:
    for name in ("PostgreSQL.5", "PostgreSQL.6", "PostgreSQL.7"):
        (tmp_path / name).write_bytes(bytes(64))
    (tmp_path / "PostgreSQL.1").write_bytes(control_segment((5, 2), (6, 0), (99, 1)))
    remove_segments(1, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["PostgreSQL.6", "PostgreSQL.7"]


@pytest.mark.parametrize("content", [b"", b"short", bytes(64), control_segment((5, 2))[:20]])
def test_what_lists_nothing_goes_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "PostgreSQL.1").write_bytes(content)
    (tmp_path / "PostgreSQL.5").touch()
    remove_segments(1, tmp_path)
    remove_segments(2, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["PostgreSQL.5"]


def test_a_segment_that_a_killed_server_had_not_filled_yet_goes_by_its_key(tmp_path: Path) -> None:
    create, private, size = 0o1600, 0, 56
    segments = [ctypes.CDLL(None).shmget(key, size, create) for key in (tmp_path.stat().st_ino, private)]
    assert -1 not in segments
    remove_shared_memory(tmp_path)
    left = {int(line.split()[1]) for line in SEGMENTS.read_text().splitlines()[1:]}
    try:
        assert left & {*segments} == {segments[1]}
    finally:
        for segment in left & {*segments}:
            ctypes.CDLL(None).shmctl(segment, 0, None)
