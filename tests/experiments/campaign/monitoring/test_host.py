from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.campaign.monitoring.host import CpuTime, HostMonitor, Reading, describe, read
from experiments.records.record import Host

IDLE = CpuTime(0.0, 0.0)
BEFORE = Reading(at_s=100.0, own_s=2.0, machine=CpuTime(10.0, 1.0), cores={0: IDLE, 1: CpuTime(5.0, 0.5), 2: IDLE})
AFTER = Reading(102.5, 3.0, CpuTime(15.0, 1.25), {0: CpuTime(2.0, 0.125), 1: CpuTime(6.0, 0.5), 2: CpuTime(2.0, 0.125)})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    # user nice system idle iowait irq softirq steal guest guest_nice
    (tmp_path / "proc/stat").write_text(
        "cpu  100 10 50 9000 70 5 35 20 0 0\n"
        "cpu0 60 10 30 4000 70 0 0 20 0 0\n"
        "cpu2 40 0 20 5000 0 5 35 0 0 0\n"
        "intr 144192196 0 0\n"
    )
    (tmp_path / "proc/loadavg").write_text("1.25 0.50 0.10 1/100 4711\n")
    return tmp_path


def test_busy_time_is_all_that_is_not_idle_nor_stolen(root: Path) -> None:
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    reading = read(root)
    assert reading.machine == CpuTime(200 / ticks_per_s, 20 / ticks_per_s)
    assert reading.cores == {0: CpuTime(100 / ticks_per_s, 20 / ticks_per_s), 2: CpuTime(100 / ticks_per_s, 0.0)}


def test_foreign_time_is_what_neither_the_harness_nor_the_server_nor_the_loader_used(root: Path) -> None:
    found = describe(BEFORE, AFTER, root, ours_s=1.5)
    assert found == Host(steal_s=0.25, load_1m=1.25, foreign_cpu_s=2.5, observed_s=2.5, cores=3)


def test_the_cores_of_the_run_are_told_apart_from_all(root: Path) -> None:
    found = describe(BEFORE, AFTER, root, cpus={0, 1}, ours_s=1.5)
    # On cores 0 and 1 there were 3 s, of which 1.5 s and 1 s were ours.
    assert found == Host(0.25, 1.25, 2.5, 2.5, cores=3, run_steal_s=0.125, run_foreign_cpu_s=0.5)


def test_a_core_that_the_system_does_not_tell_of_leaves_those_of_the_run_unknown(root: Path) -> None:
    found = describe(BEFORE, AFTER, root, cpus={0, 3}, ours_s=1.5)
    assert found == Host(0.25, 1.25, 2.5, 2.5, cores=3)


def test_foreign_time_is_not_known_where_that_of_the_loader_is_not(root: Path) -> None:
    found = describe(BEFORE, AFTER, root, cpus={0, 1}, ours_s=None)
    assert found == Host(0.25, 1.25, None, 2.5, cores=3, run_steal_s=0.125, run_foreign_cpu_s=None)


def test_less_than_no_foreign_time_is_none(root: Path) -> None:
    after = Reading(at_s=101.0, own_s=3.01, machine=CpuTime(11.0, 1.0), cores={})
    found = describe(BEFORE, after, root, ours_s=0.0)
    assert found == Host(steal_s=0.0, load_1m=1.25, foreign_cpu_s=0.0, observed_s=1.0)


def test_a_watch_reads_on_entering_and_on_leaving(root: Path) -> None:
    stat = "cpu  100 10 50 9000 70 5 35 {0} 0 0\ncpu0 60 10 30 4000 70 0 0 {0} 0 0\n"
    with HostMonitor({0}, root) as watch:
        (root / "proc/stat").write_text(stat.format(120))
    (root / "proc/stat").write_text(stat.format(9120))
    host, stolen_s = watch.result(0.0), 100 / os.sysconf("SC_CLK_TCK")
    assert (host.steal_s, host.run_steal_s) == (stolen_s, stolen_s)


def test_what_nobody_watched_gives_nulls(root: Path) -> None:
    assert HostMonitor(root=root).result(1.0) == Host()


def test_a_system_without_these_files_gives_nulls(tmp_path: Path) -> None:
    with HostMonitor({0}, tmp_path) as watch:
        pass
    assert watch.result(1.0) == Host()
