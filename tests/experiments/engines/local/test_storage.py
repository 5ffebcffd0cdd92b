from __future__ import annotations

from pathlib import Path

import pytest

from experiments.engines.local.storage import check_is_disk, check_is_memory, data_parent
from experiments.environment.mounts import FileSystem, file_system_of, read_mounts
from experiments.errors import BadInput, Unsupported

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:20 / /dev/shm rw,nosuid - tmpfs tmpfs rw,size=100k
24 22 0:21 / /mnt/with\\040blank rw - xfs /dev/vdb rw
25 22 0:22 / /live rw - overlay overlay rw,lowerdir=/low,upperdir=/dev/shm/up,workdir=/w
26 22 0:23 / /image rw - overlay overlay rw,lowerdir=/low,upperdir=/var/up,workdir=/w
27 22 0:24 / /dev/shm rw - ext4 /dev/vdc rw
"""
GIB = 1024**3


def test_mounts_are_read_with_blanks_and_the_folder_an_overlay_writes_to() -> None:
    mounts = read_mounts(MOUNTS)
    assert mounts[2] == FileSystem(Path("/mnt/with blank"), "xfs")
    assert mounts[3] == FileSystem(Path("/live"), "overlay", Path("/dev/shm/up"))


def test_the_longest_mount_point_counts_and_of_two_in_one_place_the_last() -> None:
    mounts = read_mounts(MOUNTS)
    assert file_system_of(Path("/mnt/with blank/x"), mounts).kind == "xfs"
    assert file_system_of(Path("/mnt/other"), mounts).kind == "ext4"
    assert file_system_of(Path("/dev/shm/x"), mounts).mount_point == Path("/dev/shm")
    assert file_system_of(Path("/dev/shm/x"), mounts).kind == "ext4"
    assert file_system_of(Path("/x"), ()).kind == "file system of unknown kind"


def test_a_disk_is_a_disk() -> None:
    check_is_disk(Path("/var/cache"), read_mounts(MOUNTS))
    check_is_disk(Path("/image/var"), read_mounts(MOUNTS))


@pytest.mark.parametrize("folder", ["/dev/shm/data", "/live/var"])
def test_memory_is_no_disk_behind_an_overlay_either(folder: str) -> None:
    with pytest.raises(Unsupported, match=f"storage disk: {folder} is on a .* that is kept in memory"):
        check_is_disk(Path(folder), read_mounts(MOUNTS)[:-1])


def test_memory_with_enough_room_will_do(tmp_path: Path) -> None:
    check_is_memory(tmp_path, (FileSystem(Path("/"), "tmpfs"),), lambda _: 2 * GIB)


def test_memory_with_too_little_room_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="has 64 MiB free, and 2048 MiB are needed"):
        check_is_memory(tmp_path, (FileSystem(Path("/"), "tmpfs"),), lambda _: GIB // 16)


def test_a_disk_is_no_memory(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="is on a ext4, and it has to be a tmpfs"):
        check_is_memory(tmp_path, (FileSystem(Path("/"), "ext4"),), lambda _: 2 * GIB)


def test_a_missing_folder_is_no_memory(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="does not exist, and it has to be a tmpfs"):
        check_is_memory(tmp_path / "none", (), lambda _: 2 * GIB)


def test_an_unknown_storage_is_bad_input() -> None:
    with pytest.raises(BadInput, match="storage 'floppy' is unknown; known: disk, tmpfs"):
        data_parent("floppy")
