"""Connecting many, and stopping when the server does not even answer; a fake driver stands for it."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bigdata.errors import LoadFailed
from bigdata.runtimes import tasks, threads
from bigdata.runtimes.job import HotLoops, Job

STOP_WITHIN_S = 5.0


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for runtime in (tasks, threads):
        monkeypatch.setattr(runtime, "CANCEL_FOR_S", 0.2)


class Refused(Exception):
    """What the driver raises."""


def frozen_server(connect: Any, close: Any, load: Any, abandon: Any) -> Any:
    """A driver whose ``cancel`` waits for ever."""
    return SimpleNamespace(
        Error=Refused,
        connect=connect,
        close=close,
        cancel=lambda connection: threading.Event().wait(60),
        abandon=abandon,
        hot_loops=lambda autocommit, executemany: HotLoops(geo=load, data=load),
        statement_of=lambda error: None,
    )


def job(driver: Any) -> Job:
    records = iter(SimpleNamespace(stusab="RI", logrecno=f"{number:07}") for number in (1, 2))
    return Job(
        driver,
        "",
        2,
        autocommit=True,
        executemany=False,
        protocol="simple",
        phases=(("geo", records, lambda record: 1),),
    )


def test_threads_end_although_the_server_does_not_answer() -> None:
    broken_off = threading.Event()
    both_have_one = threading.Barrier(2)

    def load(connection: Any, records: Any) -> None:
        record = next(iter(records))
        both_have_one.wait(10)
        if record.logrecno == "0000001":
            raise Refused("no room for it")
        broken_off.wait(60)
        raise Refused("gone")

    driver = frozen_server(
        connect=lambda url, **options: object(),
        close=lambda connection: None,
        load=load,
        abandon=lambda connection: broken_off.set(),
    )
    started_s = time.monotonic()
    with pytest.raises(LoadFailed, match="geo record RI logrecno 0000001: no room for it"):
        threads.run(job(driver))
    assert time.monotonic() - started_s < STOP_WITHIN_S
    assert broken_off.is_set()


def test_tasks_end_although_the_server_does_not_answer() -> None:
    abandoned: list[Any] = []

    async def connect(url: str, **options: Any) -> object:
        return object()

    async def close(connection: Any) -> None:
        pass

    async def load(connection: Any, records: Any) -> None:
        async for at_hand in records:
            for record in at_hand:
                if record.logrecno == "0000001":
                    raise Refused("no room for it")
                await asyncio.sleep(60)

    started_s = time.monotonic()
    with pytest.raises(LoadFailed, match="geo record RI logrecno 0000001: no room for it"):
        tasks.run(job(frozen_server(connect, close, load, abandoned.append)), asyncio.new_event_loop)
    assert time.monotonic() - started_s < STOP_WITHIN_S
    assert abandoned


def test_tasks_open_a_part_of_many_connections_at_once() -> None:
    opening = most = 0

    async def connect(url: str, **options: Any) -> object:
        nonlocal opening, most
        opening += 1
        most = max(most, opening)
        await asyncio.sleep(0)
        opening -= 1
        return object()

    async def close(connection: Any) -> None:
        pass

    async def load(connection: Any, records: Any) -> None:
        async for at_hand in records:
            list(at_hand)

    many = replace(job(frozen_server(connect, close, load, print)), poolsize=120)
    assert tasks.run(many, asyncio.new_event_loop).records == {"geo": 2}
    assert most == tasks.CONNECTING_AT_ONCE
