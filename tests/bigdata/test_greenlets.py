"""Greenlets: nobody keeps the hub waiting, psycopg2 waits on it in every state, and a run ends whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import psycopg2
import pytest
from psycopg2.extensions import set_wait_callback

from bigdata.errors import LoadFailed
from bigdata.loaders import psycopg2_tools
from bigdata.measurement.profiling import Profiler
from bigdata.runtimes import greenlets
from bigdata.runtimes.feed import Feed
from bigdata.runtimes.greenlets import GreenletRecords
from bigdata.runtimes.job import STOP_SIGNALS, HotLoops, Job
from tests.bigdata import loader_program as program
from tests.bigdata.silent_server import between
from tests.bigdata.sleeping_runs import STOP_WITHIN_S, asleep, end_by, start
from tests.project import ROOT

WITHIN_S = 10.0


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greenlets, "CANCEL_FOR_S", 0.2)
    monkeypatch.setattr(greenlets, "BREAK_OFF_FOR_S", 0.2)


class Refused(Exception):
    """What the driver raises."""


def make_feed(length: int, limit: int = 50) -> Feed:
    feed = Feed(iter(range(length)), lambda record: 2)
    feed.fill(limit)
    return feed


@pytest.mark.parametrize("workers", [1, 3, 20])
@pytest.mark.parametrize("length", [0, 1, 49, 50, 51, 1000])
def test_greenlets_get_every_record_once(workers: int, length: int) -> None:
    feed = make_feed(length)
    taken: list[int] = []

    def take() -> None:
        for record in GreenletRecords(feed):
            taken.append(record)
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(take) for _ in range(workers)], timeout=WITHIN_S, raise_error=True)
    assert sorted(taken) == list(range(length))


def test_the_hub_goes_on_while_a_greenlet_waits_for_the_reader() -> None:
    started, released = threading.Event(), threading.Event()

    def slow() -> Iterator[int]:
        yield 0
        started.set()
        released.wait(WITHIN_S)
        yield 1

    feed = Feed(slow(), lambda record: 1)
    feed.fill(1)
    taking = gevent.spawn(lambda: list(GreenletRecords(feed)))
    turns = 0
    while not started.is_set() or turns < 100:
        gevent.sleep(0)
        turns += 1
    assert not taking.dead
    released.set()
    assert taking.get(timeout=WITHIN_S) == [0, 1]


def test_only_select_is_patched() -> None:
    code = """
import select
from bigdata.runtimes import greenlets
greenlets.prepare()
from gevent.monkey import is_module_patched
patched = [name for name in ("select", "selectors", "socket", "ssl", "threading", "time") if is_module_patched(name)]
print(patched, hasattr(select, "epoll"), select.poll.__module__)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['select'] True gevent.select\n"


def fake_job(load: Any, abandon: Any, cancel: Any = None, **options: Any) -> Job:
    """Two records, and a server that does not even answer a request to cancel, unless ``cancel`` says otherwise."""
    driver: Any = SimpleNamespace(
        Error=Refused,
        connect=lambda url, **options: object(),
        close=lambda connection: None,
        cancel=cancel or (lambda connection: threading.Event().wait(60)),
        abandon=abandon,
        hot_loops=lambda autocommit, executemany: HotLoops(geo=load, data=load),
        statement_of=lambda error: None,
        use_greenlets=lambda: None,
    )
    records = iter(SimpleNamespace(stusab="RI", logrecno=f"{number:07}") for number in (1, 2))
    phases = (("geo", records, lambda record: 1),)
    return Job(driver, "", 2, autocommit=True, executemany=False, protocol="simple", phases=phases, **options)


@pytest.mark.usefixtures("little_patience")
def test_greenlets_end_although_the_server_does_not_answer() -> None:
    broken_off = threading.Event()

    def load(connection: Any, records: Any) -> None:
        for record in records:
            if record.logrecno == "0000001":
                gevent.sleep(0.05)
                raise Refused("no room for it")
            while not broken_off.is_set():
                gevent.sleep(0.01)
            raise Refused("gone")

    started_s = time.monotonic()
    with pytest.raises(LoadFailed, match="geo record RI logrecno 0000001: no room for it"):
        greenlets.run(fake_job(load, abandon=lambda connection: broken_off.set()))
    assert time.monotonic() - started_s < STOP_WITHIN_S


@pytest.mark.usefixtures("little_patience")
def test_greenlets_that_nothing_can_stop_are_killed() -> None:
    ended: list[BaseException] = []

    def load(connection: Any, records: Any) -> None:
        for record in records:
            try:
                gevent.sleep(0.05 if record.logrecno == "0000001" else 60)
            except BaseException as error:
                ended.append(error)
                raise
            raise Refused("no room for it")

    started_s = time.monotonic()
    with pytest.raises(LoadFailed, match="logrecno 0000001: no room for it"):
        greenlets.run(fake_job(load, abandon=lambda connection: None))
    assert time.monotonic() - started_s < STOP_WITHIN_S
    assert [type(error) for error in ended] == [gevent.GreenletExit]


def test_an_interrupt_ends_the_run_and_the_handlers_are_as_before() -> None:
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    cancelled = threading.Event()

    def load(connection: Any, records: Any) -> None:
        if next(iter(records)).logrecno == "0000001":
            signal.raise_signal(signal.SIGINT)
        while not cancelled.is_set():
            gevent.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        greenlets.run(fake_job(load, abandon=None, cancel=lambda connection: cancelled.set()))
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


def test_a_profile_tells_greenlets_apart() -> None:
    def step() -> None:
        gevent.sleep(0)

    def load(connection: Any, records: Any) -> None:
        for _ in records:
            for _ in range(3):
                step()

    profiler = Profiler()
    greenlets.run(fake_job(load, abandon=lambda connection: None, profiler=profiler))
    called = {name: calls for each in profiler.take() for (_, _, name), (calls, *_) in each.items()}
    assert (called["load"], called["step"]) == (2, 6)


@pytest.fixture
def cooperative() -> Iterator[None]:
    """psycopg2 waits on gevent's hub, for this test."""
    psycopg2_tools.use_greenlets()
    yield
    set_wait_callback(None)


@pytest.mark.postgres
@pytest.mark.usefixtures("cooperative")
def test_psycopg2_connects_to_the_second_address_where_nobody_is_at_the_first(dburl: str) -> None:
    connection = psycopg2.connect(dburl.replace("@", "@127.0.0.1:1,", 1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 7")
        assert cursor.fetchone() == (7,)
    connection.close()


@pytest.mark.postgres
@pytest.mark.usefixtures("cooperative")
def test_psycopg2_sends_more_than_the_system_takes_at_once(dburl: str) -> None:
    connection = psycopg2.connect(dburl)
    with connection.cursor() as cursor:
        cursor.execute("SELECT length(%s)", ("x" * 20_000_000,))
        assert cursor.fetchone() == (20_000_000,)
    connection.close()


@pytest.mark.postgres
def test_an_interrupted_run_ends_although_the_server_has_fallen_silent(dburl: str, tmp_path: Path) -> None:
    with (
        between(dburl) as (server, through),
        asleep("row_by_row_gevent", tmp_path, 3, dburl, through=through) as process,
    ):
        server.fall_silent()
        end_by(process)


@pytest.mark.postgres
@pytest.mark.parametrize("loader", ["row_by_row_gevent", "row_by_row_psycopg_gevent"])
def test_a_run_that_cannot_connect_can_be_interrupted(loader: str, dburl: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=2)
    with between(dburl) as (server, through):
        server.fall_silent()
        with start(loader, directory, 3, through) as process:
            program.wait_for(lambda: server.silenced == 3)
            end_by(process)
