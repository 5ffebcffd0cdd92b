from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.observe import Reading, Watch, describe, read
from experiments.records import Host

BEFORE = Reading(at_s=100.0, busy_s=10.0, steal_s=1.0, own_s=2.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    # user nice system idle iowait irq softirq steal guest guest_nice
    (tmp_path / "proc/stat").write_text("cpu  100 10 50 9000 70 5 35 20 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    (tmp_path / "proc/loadavg").write_text("1.25 0.50 0.10 1/100 4711\n")
    return tmp_path


def test_busy_time_is_all_that_is_not_idle_nor_stolen(root: Path) -> None:
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    reading = read(root)
    assert (reading.busy_s, reading.steal_s) == (200 / ticks_per_s, 20 / ticks_per_s)


def test_foreign_time_is_what_neither_the_harness_nor_the_server_nor_the_loader_used(root: Path) -> None:
    after = Reading(at_s=102.5, busy_s=15.0, steal_s=1.25, own_s=3.0)
    found = describe(BEFORE, after, root, ours_s=1.5)
    assert found == Host(steal_s=0.25, load_1m=1.25, foreign_cpu_s=2.5, observed_s=2.5)


def test_foreign_time_is_not_known_where_that_of_the_loader_is_not(root: Path) -> None:
    after = Reading(at_s=102.5, busy_s=15.0, steal_s=1.25, own_s=3.0)
    found = describe(BEFORE, after, root, ours_s=None)
    assert found == Host(steal_s=0.25, load_1m=1.25, foreign_cpu_s=None, observed_s=2.5)


def test_less_than_no_foreign_time_is_none(root: Path) -> None:
    after = Reading(at_s=101.0, busy_s=11.0, steal_s=1.0, own_s=3.01)
    found = describe(BEFORE, after, root, ours_s=0.0)
    assert found == Host(steal_s=0.0, load_1m=1.25, foreign_cpu_s=0.0, observed_s=1.0)


def test_a_watch_reads_on_entering_and_on_leaving(root: Path) -> None:
    with Watch(root) as watch:
        (root / "proc/stat").write_text("cpu  100 10 50 9000 70 5 35 120 0 0\n")
    (root / "proc/stat").write_text("cpu  100 10 50 9000 70 5 35 9120 0 0\n")
    assert watch.host(0.0).steal_s == 100 / os.sysconf("SC_CLK_TCK")


def test_what_nobody_watched_gives_nulls(root: Path) -> None:
    assert Watch(root).host(1.0) == Host()


def test_a_system_without_these_files_gives_nulls(tmp_path: Path) -> None:
    with Watch(tmp_path) as watch:
        pass
    assert watch.host(1.0) == Host()
