from __future__ import annotations

import os
import subprocess
import sys

import pytest

from experiments.engines.local import processes
from experiments.engines.local.processes import _Stat, confine, cpu_s, identity, is_alive, tree, with_arguments

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


def test_a_child_that_ends_while_cpu_time_is_read_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process 2 has used 30 ticks and ends after its parent was read, which then has them."""
    ended = False

    def read_stat(pid: int) -> _Stat | None:
        nonlocal ended
        if pid == 2:
            ended = True
            return None
        return _Stat(state="S", parent=0, own_ticks=7, reaped_ticks=30 if ended else 0, started_ticks=1)

    monkeypatch.setattr(processes, "tree", lambda pid: [1] if ended else [1, 2])
    monkeypatch.setattr(processes, "_read_stat", read_stat)
    assert cpu_s(1) == 37 / os.sysconf("SC_CLK_TCK")


def test_processes_are_found_by_a_whole_argument() -> None:
    marker = f"marker-{os.getpid()}"
    with subprocess.Popen([sys.executable, "-c", "input()", marker], stdin=subprocess.PIPE) as process:
        # Between fork and exec a child still shows its parent's arguments.
        while identity(process.pid) not in with_arguments(marker):
            assert process.poll() is None
        assert with_arguments(marker[:-1]) == []
        process.communicate(b"\n")
    assert with_arguments(marker) == []
