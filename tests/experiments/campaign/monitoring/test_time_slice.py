from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from experiments.campaign.monitoring import time_slice as promptness
from experiments.campaign.monitoring.time_slice import SLICE_NS, find_sampler, shorten_time_slices
from tests.conftest import PostgresServer

NOBODY = 2**22 + 1
"""A process number that the kernel does not give."""

PROGRAM = "import subprocess, sys; print(flush=True); input(); subprocess.run(['sleep', '20'])"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a Linux system call")


def has_slices() -> bool:
    release = platform.release().split("-")[0].split(".")
    return platform.machine() in ("x86_64", "aarch64") and (int(release[0]), int(release[1])) >= (6, 12)


@contextmanager
def titled(title: str, *arguments: str) -> Iterator[int]:
    """A child that sleeps, and whose command line says otherwise."""
    with subprocess.Popen([title, "20", *arguments], executable="/bin/sleep") as process:
        try:
            yield process.pid
        finally:
            process.kill()


@contextmanager
def sampling(*arguments: str) -> Iterator[int]:
    """A program with arguments."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)", *arguments]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def slice_ns(pid: int) -> int:
    found = promptness._read(pid)
    assert found is not None
    return found.runtime_ns


@pytest.mark.skipif(not has_slices(), reason="Linux has slices since 6.12")
def test_a_process_gets_a_short_slice_keeps_its_niceness_and_hands_nothing_on() -> None:
    command = ["nice", "-n", "3", sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        before_ns = slice_ns(process.pid)
        assert shorten_time_slices([process.pid]) == "slice"
        assert slice_ns(process.pid) == SLICE_NS < before_ns
        assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 3
        print(file=process.stdin, flush=True)
        deadline = time.monotonic() + 20
        while not (children := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
            assert time.monotonic() < deadline
        (child,) = map(int, children)
        assert slice_ns(child) == before_ns
        assert os.sched_getscheduler(child) == os.SCHED_OTHER
        os.kill(child, 9)


def test_who_is_not_there_gets_none_nor_does_nobody() -> None:
    assert shorten_time_slices([NOBODY]) is None
    assert shorten_time_slices([]) is None


def test_it_is_none_where_the_kernel_says_nothing_or_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def refuse(number: int, *_: object) -> int:
        calls.append(number)
        return -1

    monkeypatch.setattr(promptness, "_call", refuse)
    assert shorten_time_slices([os.getpid()]) is None
    assert len(calls) == 1
    # Linux before 6.12: all is well, and the slice reads as 0.
    monkeypatch.setattr(promptness, "_call", lambda *_: 0)
    assert shorten_time_slices([os.getpid()]) is None


def test_it_is_none_on_machines_whose_system_calls_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert shorten_time_slices([os.getpid()]) is None


@pytest.mark.parametrize(
    "title", ["postgres: bigdata postgres 127.0.0.1(4711) idle", "postgres: one: bigdata postgres 127.0.0.1(5) SELECT"]
)
def test_the_backend_of_the_sampler_is_told_by_its_title(title: str) -> None:
    with sampling("sample") as sampler, titled(title) as backend:
        assert find_sampler(sampler, os.getpid()) == (sampler, backend)


@pytest.mark.parametrize(
    "title", ["postgres: bigdata bigdata 127.0.0.1(4711) idle", "postgres: checkpointer ", "psql bigdata postgres"]
)
def test_other_processes_of_the_server_are_none_of_the_sampler_s(title: str) -> None:
    with sampling("sample") as sampler, titled(title):
        assert find_sampler(sampler, os.getpid(), timeout_s=0.1) == ()


def test_nobody_waits_for_a_sampler_that_has_ended_or_is_elsewhere() -> None:
    before_s = time.monotonic()
    assert find_sampler(NOBODY, os.getpid()) == ()
    assert find_sampler(None, os.getpid()) == ()
    assert find_sampler(os.getpid(), None) == ()
    assert time.monotonic() - before_s < 1


def test_a_process_that_is_no_sampler_is_left_alone() -> None:
    with sampling("run") as other, titled("postgres: bigdata postgres 127.0.0.1(4711) idle"):
        assert find_sampler(other, os.getpid(), timeout_s=0.1) == ()


@pytest.mark.postgres
def test_a_real_backend_is_found_and_made_prompt(postgres_server: PostgresServer) -> None:
    connection = psycopg2.connect(postgres_server.url)
    with sampling("sample") as sampler:
        pids = find_sampler(sampler, postgres_server.local.pid)
        assert pids == (sampler, connection.info.backend_pid)
        assert shorten_time_slices(pids) == ("slice" if has_slices() else None)
    connection.close()
