"""Processes: each record once, what they use and hold is counted, and none is left whoever is killed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bigdata.errors import BadInput, LoadFailed
from bigdata.measurement.profiling import Profiler
from bigdata.runtimes import feed, processes
from bigdata.runtimes.job import HotLoops, Job
from tests.bigdata import loader_program as program
from tests.bigdata.silent_server import between
from tests.bigdata.sleeping_runs import INTERRUPTED, STOP_WITHIN_S, asleep, end_by, start

LOADER = "row_by_row_processes"


class Refused(Exception):
    """What the driver raises."""


def count_them(connection: Any, records: Any) -> None:
    """A hot loop: the connection is a Counter."""
    for record in records:
        connection[record] += 1


def fake_job(load: Any, *phases: Any, poolsize: int = 2, connect: Any = None, profiler: Profiler | None = None) -> Job:
    """What a connection counts is what its process has for --echo."""
    driver: Any = SimpleNamespace(
        Error=Refused,
        connect=connect or (lambda url, *, statements, **options: statements),
        close=lambda connection: None,
        cancel=lambda connection: None,
        abandon=lambda connection: None,
        backend_pid=lambda connection: None,
        hot_loops=lambda autocommit, executemany: HotLoops(geo=load, data=load),
        statement_of=lambda error: None,
    )
    given = phases or (("geo", census(3), lambda record: 1),)
    return Job(
        driver, "postgresql://census", poolsize, True, False, "simple", given, statements=Counter(), profiler=profiler
    )


def census(length: int) -> Iterator[Any]:
    return iter(SimpleNamespace(stusab="RI", logrecno=f"{number:07}") for number in range(1, length + 1))


@pytest.fixture
def little_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed.Feed.fill, "__defaults__", (50,))


@pytest.mark.usefixtures("little_read_ahead")
@pytest.mark.parametrize(("workers", "length"), [(1, 0), (3, 1), (3, 49), (1, 50), (3, 51), (3, 1000), (20, 1000)])
def test_processes_get_every_record_of_both_phases_once(workers: int, length: int) -> None:
    phases = (
        ("geo", iter(range(length)), lambda record: 1),
        ("data", iter(range(5000, 5000 + length)), lambda record: 222),
    )
    job = fake_job(count_them, *phases, poolsize=workers)
    outcome = processes.run(job)
    assert job.statements == Counter([*range(length), *range(5000, 5000 + length)])
    assert outcome.records == {"geo": length, "data": length}
    assert (outcome.read_ahead, outcome.streamed) == (2 * min(length, 50), 2 * max(0, length - 50))
    assert outcome.measured["data"].rows == 222 * length


def test_what_the_processes_use_and_hold_is_counted() -> None:
    def burn(connection: Any, records: Any) -> None:
        began_s = time.process_time()
        while time.process_time() - began_s < 0.2:
            pass

    outcome = processes.run(fake_job(burn, poolsize=3))
    usage = outcome.measured["geo"].usage
    assert 0.59 < usage.user_s + usage.system_s < 5
    # Each of them is a whole interpreter.
    assert outcome.children_peak_rss_bytes > 3 * 5_000_000


def test_profiles_of_all_processes_arrive() -> None:
    profiler = Profiler()
    processes.run(fake_job(count_them, ("geo", iter(range(9)), lambda record: 1), poolsize=3, profiler=profiler))
    names = [name for each in profiler.take() for _, _, name in each]
    assert names.count("count_them") == 3


def test_an_error_of_a_worker_is_that_of_a_thread() -> None:
    def load(connection: Any, records: Any) -> None:
        for record in records:
            if record.logrecno == "0000003":
                raise Refused("no room for it")

    with pytest.raises(LoadFailed, match=r"^geo record RI logrecno 0000003: no room for it$"):
        processes.run(fake_job(load))


def test_an_error_that_nobody_expected_comes_with_its_traceback() -> None:
    def load(connection: Any, records: Any) -> None:
        raise ZeroDivisionError("what")

    with pytest.raises(LoadFailed, match=r"(?s)^Traceback .*, in load\n.*ZeroDivisionError: what"):
        processes.run(fake_job(load))


def test_a_connection_that_cannot_be_made_is_bad_input() -> None:
    def connect(url: str, **options: Any) -> None:
        raise Refused("nobody listens there")

    with pytest.raises(BadInput, match=r"^--dburl: cannot connect: nobody listens there$"):
        processes.run(fake_job(count_them, connect=connect))


@pytest.mark.usefixtures("little_read_ahead")
def test_an_error_of_the_reader_is_raised() -> None:
    def records() -> Iterator[int]:
        yield from range(300)
        raise BadInput("ri00001.uf1:301: bad")

    with pytest.raises(BadInput, match=r"ri00001\.uf1:301"):
        processes.run(fake_job(count_them, ("geo", records(), lambda record: 1)))


def test_a_system_that_cannot_fork_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    with pytest.raises(BadInput, match="cannot fork them; take a loader with threads or tasks"):
        processes.run(fake_job(count_them))


def test_a_system_without_room_for_all_is_left_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fork, forked = os.fork, list[int]()

    def fork_two() -> int:
        if len(forked) == 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        pid = fork()
        forked.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", fork_two)
    with pytest.raises(LoadFailed, match=r"^worker 3 of 5 cannot be forked: Resource temporarily unavailable$"):
        processes.run(fake_job(count_them, poolsize=5))
    assert [is_there(pid) for pid in forked] == [False, False]


def is_there(pid: int) -> bool:
    """A process that has ended is there until somebody has asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_left_nothing(children: list[int], dburl: str) -> bool:
    return not any(map(is_there, children)) and program.other_backends(dburl) == 0


@pytest.mark.postgres
def test_a_worker_that_is_killed_ends_the_run_and_its_statement(dburl: str, tmp_path: Path) -> None:
    with asleep(LOADER, tmp_path, 4, dburl) as process:
        children = children_of(process.pid)
        os.kill(children[2], signal.SIGKILL)
        started_s = time.monotonic()
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - started_s < STOP_WITHIN_S
        assert (process.returncode, errors) == (1, "error: worker 3 was ended by signal 9\n")
        program.wait_for(lambda: has_left_nothing(children, dburl), within_s=2)


@pytest.mark.postgres
def test_children_end_when_their_parent_is_killed(dburl: str, tmp_path: Path) -> None:
    with asleep(LOADER, tmp_path, 3, dburl) as process:
        children = children_of(process.pid)
        process.kill()
        process.wait()
        program.wait_for(lambda: has_left_nothing(children, dburl), within_s=STOP_WITHIN_S)


@pytest.mark.postgres
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_ends_the_run_as_one_to_the_parent_does(
    number: signal.Signals, dburl: str, tmp_path: Path
) -> None:
    with asleep(LOADER, tmp_path, 3, dburl) as process:
        children = children_of(process.pid)
        os.killpg(process.pid, number)
        started_s = time.monotonic()
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - started_s < STOP_WITHIN_S
        assert (process.returncode, errors) == (130, INTERRUPTED)
        assert has_left_nothing(children, dburl)


@pytest.mark.postgres
def test_a_child_that_does_not_react_is_killed(dburl: str, tmp_path: Path) -> None:
    with asleep(LOADER, tmp_path, 3, dburl) as process:
        children = children_of(process.pid)
        os.kill(children[1], signal.SIGSTOP)
        end_by(process, signal.SIGTERM)
        program.wait_for(lambda: has_left_nothing(children, dburl), within_s=2)


@pytest.mark.postgres
def test_an_interrupted_run_ends_although_the_server_has_fallen_silent(dburl: str, tmp_path: Path) -> None:
    with between(dburl) as (server, through), asleep(LOADER, tmp_path, 3, dburl, through=through) as process:
        children = children_of(process.pid)
        server.fall_silent()
        end_by(process)
        assert not any(map(is_there, children))


@pytest.mark.postgres
def test_a_run_that_cannot_connect_can_be_interrupted(dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=2)
    with between(dburl) as (server, through):
        server.fall_silent()
        with start(LOADER, directory, 3, through) as process:
            program.wait_for(lambda: server.silenced == 3)
            end_by(process)
