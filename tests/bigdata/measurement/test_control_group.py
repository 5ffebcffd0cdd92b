"""How a process learns how often it was throttled, from made-up trees of /proc and /sys of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bigdata.measurement.control_group import Throttling, read_throttling

V1_STAT = "nr_periods 40\nnr_throttled 30\nthrottled_time 1500000000\n"
V2_STAT = "usage_usec 900\nuser_usec 800\nsystem_usec 100\nnr_periods 40\nnr_throttled 30\nthrottled_usec 1500000\n"
FOUND = Throttling(40, 30, 1.5)

V1_GROUPS = "9:memory:{group}\n4:cpu,cpuacct:{group}\n1:name=systemd:{group}\n0::/\n"
V2_GROUPS = "0::{group}\n"
V1_MOUNT = "30 20 0:26 {mounted} /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
V2_MOUNT = "30 20 0:26 {mounted} /sys/fs/cgroup ro,nosuid shared:9 - cgroup2 cgroup rw,nsdelegate\n"
OTHER_MOUNTS = "28 20 0:25 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n29 20 0:24 / / rw - ext4 /dev/sda rw\n"

V1, V2 = "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup"


def write(root: Path, groups: str, mount: str, folder: str, stat: str) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/self/mountinfo").write_text(OTHER_MOUNTS + mount)
    (root / folder).mkdir(parents=True)
    (root / folder / "cpu.stat").write_text(stat)


@pytest.mark.parametrize(
    ("groups", "mount", "stat", "place"),
    [(V1_GROUPS, V1_MOUNT, V1_STAT, V1), (V2_GROUPS, V2_MOUNT, V2_STAT, V2)],
    ids=["version 1", "version 2"],
)
@pytest.mark.parametrize(
    ("group", "mounted", "below"),
    [
        ("/docker/12ab", "/", "/docker/12ab"),
        ("/docker/12ab", "/docker/12ab", ""),
        ("/docker/12ab", "/../12ab", ""),
        ("/", "/", ""),
    ],
    ids=["on the host", "mounted by itself", "seen from elsewhere", "namespace of its own"],
)
def test_the_group_is_found_wherever_it_is_mounted(
    tmp_path: Path, groups: str, mount: str, stat: str, place: str, group: str, mounted: str, below: str
) -> None:
    write(tmp_path, groups.format(group=group), mount.format(mounted=mounted), place + below, stat)
    assert read_throttling(tmp_path) == FOUND


@pytest.mark.parametrize(("mounts", "place"), [(V1_MOUNT, V1), (V2_MOUNT, V2)], ids=["version 1", "version 2"])
def test_a_limit_of_a_group_around_holds_as_well(tmp_path: Path, mounts: str, place: str) -> None:
    groups = V1_GROUPS if place == V1 else V2_GROUPS
    stat = V1_STAT if place == V1 else V2_STAT
    write(tmp_path, groups.format(group="/limited/by/none"), mounts.format(mounted="/"), f"{place}/limited", stat)
    (tmp_path / place / "limited/by/none").mkdir(parents=True)
    (tmp_path / place / "limited/by/none/cpu.stat").write_text("nr_periods 0\nnr_throttled 0\n")
    assert read_throttling(tmp_path) == FOUND


@pytest.mark.parametrize("version", [1, 2])
def test_of_several_limits_the_tightest_counts(tmp_path: Path, version: int) -> None:
    mounts, place, groups = ((V1_MOUNT, V1, V1_GROUPS), (V2_MOUNT, V2, V2_GROUPS))[version - 1]
    write(tmp_path, groups.format(group="/pod/job"), mounts.format(mounted="/"), f"{place}/pod", V1_STAT)
    (tmp_path / place / "pod/job").mkdir()
    (tmp_path / place / "pod/job/cpu.stat").write_text("nr_periods 9\nnr_throttled 1\nthrottled_time 1\n")
    for group, quota_us in (("pod", 50_000), ("pod/job", 200_000), ("", -1)):
        folder = tmp_path / place / group
        if version == 1:
            (folder / "cpu.cfs_quota_us").write_text(f"{quota_us}\n")
            (folder / "cpu.cfs_period_us").write_text("100000\n")
        else:
            (folder / "cpu.max").write_text(f"{quota_us} 100000\n" if quota_us > 0 else "max 100000\n")
    assert read_throttling(tmp_path) == FOUND._replace(quota=0.5)


def test_the_group_of_somebody_else_is_not_taken_for_its_own(tmp_path: Path) -> None:
    of_a_container = V2_MOUNT.format(mounted="/docker/12ab").replace("/sys/fs/cgroup", "/shown/here")
    write(
        tmp_path, V2_GROUPS.format(group="/user"), of_a_container + V2_MOUNT.format(mounted="/"), "shown/here", V2_STAT
    )
    (tmp_path / V2 / "user").mkdir(parents=True)
    (tmp_path / V2 / "user/cpu.stat").write_text("nr_periods 0\n")
    assert read_throttling(tmp_path) is None


def test_with_both_versions_at_once_the_one_with_the_controller_is_read(tmp_path: Path) -> None:
    both = V2_MOUNT.format(mounted="/").replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified") + V1_MOUNT.format(
        mounted="/"
    )
    write(tmp_path, V1_GROUPS.format(group="/"), both, V1, V1_STAT)
    (tmp_path / "sys/fs/cgroup/unified").mkdir()
    (tmp_path / "sys/fs/cgroup/unified/cpu.stat").write_text("usage_usec 900\n")
    assert read_throttling(tmp_path) == FOUND


def test_a_group_without_a_limit_has_nothing_to_say(tmp_path: Path) -> None:
    write(tmp_path, V2_GROUPS.format(group="/"), V2_MOUNT.format(mounted="/"), V2, "usage_usec 900\nuser_usec 800\n")
    assert read_throttling(tmp_path) is None


def test_periods_that_never_came_are_no_limit(tmp_path: Path) -> None:
    stat = "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n"
    write(tmp_path, V1_GROUPS.format(group="/"), V1_MOUNT.format(mounted="/"), V1, stat)
    assert read_throttling(tmp_path) is None


def test_a_system_without_control_groups_has_nothing_to_say(tmp_path: Path) -> None:
    assert read_throttling(tmp_path) is None
