"""The serial runtime: one connection in the main thread, and an end to it although libpq hears no signal."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bigdata.errors import BadInput, LoadFailed
from bigdata.runtimes import serial
from bigdata.runtimes.job import HotLoops, Job
from tests.bigdata import loader_program as program
from tests.bigdata.silent_server import between
from tests.bigdata.sleeping_runs import asleep, end_by, start


class Refused(Exception):
    """What the driver raises."""


def fake_job(load: Any, *, poolsize: int = 1, cancel: Any = None, records: int = 3) -> Job:
    driver: Any = SimpleNamespace(
        Error=Refused,
        connect=lambda url, **options: "the connection",
        close=lambda connection: None,
        cancel=cancel,
        abandon=lambda connection: None,
        hot_loops=lambda autocommit, executemany: HotLoops(geo=load, data=load),
        statement_of=lambda error: None,
    )
    numbers = iter(SimpleNamespace(stusab="RI", logrecno=f"{number:07}") for number in range(1, records + 1))
    phases = (("geo", numbers, lambda record: 2),)
    return Job(driver, "", poolsize, autocommit=True, executemany=False, protocol="simple", phases=phases)


def test_the_main_thread_takes_every_record_in_order() -> None:
    taken: list[str] = []

    def load(connection: Any, records: Any) -> None:
        assert connection == "the connection"
        assert threading.current_thread() is threading.main_thread()
        taken.extend(record.logrecno for record in records)

    outcome = serial.run(fake_job(load))
    assert taken == ["0000001", "0000002", "0000003"]
    assert (outcome.records, outcome.measured["geo"].rows) == ({"geo": 3}, 6)


def test_an_error_names_the_record() -> None:
    def load(connection: Any, records: Any) -> None:
        next(iter(records))
        raise Refused("no room for it")

    with pytest.raises(LoadFailed, match="geo record RI logrecno 0000001: no room for it"):
        serial.run(fake_job(load))


def test_more_than_one_connection_is_refused() -> None:
    with pytest.raises(BadInput, match=r"--poolsize: found 2, but the serial loader has one connection"):
        serial.run(fake_job(lambda connection, records: None, poolsize=2))


def test_a_statement_that_was_cancelled_because_of_a_signal_is_an_interrupt() -> None:
    """Whatever comes first: the driver's error, or the handler of the signal, which runs when it likes."""
    cancelled = threading.Event()

    def load(connection: Any, records: Any) -> None:
        next(iter(records))
        os.kill(os.getpid(), signal.SIGTERM)
        assert cancelled.wait(10)
        raise Refused("canceling statement due to user request")

    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        with pytest.raises(KeyboardInterrupt):
            serial.run(fake_job(load, cancel=lambda connection: cancelled.set()))
    finally:
        signal.signal(signal.SIGTERM, before)
    # Nobody listens any more.
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.postgres
def test_an_interrupted_run_cancels_its_statement(dburl: str, tmp_path: Path) -> None:
    with asleep("row_by_row_serial", tmp_path, 1, dburl) as process:
        end_by(process)
    assert program.other_backends(dburl) == 0


@pytest.mark.postgres
def test_an_interrupted_run_ends_although_the_server_has_fallen_silent(dburl: str, tmp_path: Path) -> None:
    with (
        between(dburl) as (server, through),
        asleep("row_by_row_serial", tmp_path, 1, dburl, through=through) as process,
    ):
        server.fall_silent()
        end_by(process)


@pytest.mark.postgres
def test_a_run_that_cannot_connect_can_be_interrupted(dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=2)
    with between(dburl) as (server, through):
        server.fall_silent()
        with start("row_by_row_serial", directory, 1, through) as process:
            program.wait_for(lambda: server.silenced == 1)
            end_by(process)
