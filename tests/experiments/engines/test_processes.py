from __future__ import annotations

import os
import subprocess
import sys

import pytest

from experiments.engines import processes
from experiments.engines.processes import (
    _Stat,
    children,
    confine,
    cpu_s,
    identity,
    is_alive,
    tree,
    with_arguments,
)

BUSY_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(10**7))']); input()"


def test_a_process_is_alive_until_it_has_ended_even_before_it_is_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = identity(process.pid)
    assert found is not None
    assert is_alive(found)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(found)
    process.communicate()
    assert identity(process.pid) is None


def test_a_tree_holds_children_and_their_cpu_time_once_they_have_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY_CHILD], stdin=subprocess.PIPE) as process:
        while len(tree(process.pid)) < 2:
            assert process.poll() is None
        confine(process.pid, frozenset({0}))
        assert {frozenset(os.sched_getaffinity(pid)) for pid in tree(process.pid)} == {frozenset({0})}
        while len(tree(process.pid)) > 1:
            assert process.poll() is None
        assert 0.02 < cpu_s(process.pid) < 60
        process.communicate(b"\n")


@pytest.mark.parametrize("ends_before", ["children", "stat", "clock", "nothing"])
def test_a_child_that_ends_while_cpu_time_is_read_is_counted_once(
    ends_before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Process 2 has used 30 ticks, which its parent has when it ends: before one of the three readings or after all."""
    ended = False

    def reads(what: str) -> None:
        nonlocal ended
        ended = ended or what == ends_before

    def children_of(pid: int) -> list[int]:
        reads("children")
        return [] if ended else [2]

    def read_stat(pid: int) -> _Stat:
        reads("stat")
        return _Stat("S", 0, 30 if ended else 0, 1)

    def read_clock(pid: int) -> float | None:
        if pid == 1:
            return 0.5
        reads("clock")
        return None if ended else 30 / os.sysconf("SC_CLK_TCK")

    monkeypatch.setattr(processes, "children", children_of)
    monkeypatch.setattr(processes, "_cpu_clock_s", read_clock)
    monkeypatch.setattr(processes, "_read_stat", read_stat)
    assert cpu_s(1) == 0.5 + 30 / os.sysconf("SC_CLK_TCK")


def test_cpu_time_is_finer_than_ticks_and_that_of_nobody_is_none() -> None:
    used_s = cpu_s(os.getpid())
    while cpu_s(os.getpid()) - used_s < 0.0001:
        pass
    assert cpu_s(os.getpid()) - used_s < 0.005
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert cpu_s(process.pid) == 0.0


def refuse(*arguments: object, **options: object) -> None:
    raise FileNotFoundError


def test_children_are_found_without_the_kernels_list_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.pid in children(os.getpid())

        monkeypatch.setattr("builtins.open", refuse)
        assert process.pid in children(os.getpid())
        process.communicate(b"\n")
    assert process.pid not in children(os.getpid())


def test_processes_are_found_by_a_whole_argument() -> None:
    marker = f"marker-{os.getpid()}"
    with subprocess.Popen([sys.executable, "-c", "input()", marker], stdin=subprocess.PIPE) as process:
        # Between fork and exec a child still shows its parent's arguments.
        while identity(process.pid) not in with_arguments(marker):
            assert process.poll() is None
        assert with_arguments(marker[:-1]) == []
        process.communicate(b"\n")
    assert with_arguments(marker) == []
