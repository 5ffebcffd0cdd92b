from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.observe import Reading, describe, read
from experiments.records import Host


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    # user nice system idle iowait irq softirq steal guest guest_nice
    (tmp_path / "proc/stat").write_text("cpu  100 10 50 9000 70 5 35 20 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    (tmp_path / "proc/loadavg").write_text("1.25 0.50 0.10 1/100 4711\n")
    return tmp_path


def test_busy_time_is_all_that_is_not_idle_nor_stolen(root: Path) -> None:
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    reading = read(3.5, root)
    assert (reading.busy_s, reading.steal_s) == (200 / ticks_per_s, 20 / ticks_per_s)
    assert reading.server_s == 3.5


def test_foreign_time_is_what_neither_the_harness_nor_the_server_used(root: Path) -> None:
    before = Reading(busy_s=10.0, steal_s=1.0, own_s=2.0, server_s=3.0)
    after = Reading(busy_s=15.0, steal_s=1.25, own_s=3.0, server_s=4.5)
    assert describe(before, after, root) == Host(steal_s=0.25, load_1m=1.25, foreign_cpu_s=2.5)


def test_foreign_time_is_not_known_where_that_of_the_loader_is_not(root: Path) -> None:
    before = Reading(busy_s=10.0, steal_s=1.0, own_s=2.0, server_s=3.0)
    after = read(4.5, root, elsewhere_s=None)
    assert after.own_s is None
    found = describe(before, Reading(15.0, 1.25, after.own_s, 4.5), root)
    assert found == Host(steal_s=0.25, load_1m=1.25, foreign_cpu_s=None)


def test_less_than_no_foreign_time_is_none(root: Path) -> None:
    before = Reading(busy_s=10.0, steal_s=1.0, own_s=2.0, server_s=3.0)
    after = Reading(busy_s=11.0, steal_s=1.0, own_s=3.01, server_s=3.0)
    assert describe(before, after, root) == Host(steal_s=0.0, load_1m=1.25, foreign_cpu_s=0.0)


def test_a_system_without_these_files_gives_nulls(tmp_path: Path) -> None:
    assert describe(read(0.0, tmp_path), read(1.0, tmp_path), tmp_path) == Host(None, None, None)
