from __future__ import annotations

import asyncio
import time

from bigdata.measurement.loop_lag import LoopLag


def test_a_loop_that_is_held_up_is_late_by_as_much() -> None:
    lag = LoopLag()

    async def hold_up() -> tuple[float, float]:
        started = time.monotonic()
        for _ in range(5):
            time.sleep(0.05)
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        return started, time.monotonic()

    loop = asyncio.new_event_loop()
    try:
        with lag.watch(loop):
            started, ended = loop.run_until_complete(hold_up())
    finally:
        loop.close()
    found = lag.percentiles(started, ended)
    assert found is not None
    assert found["count"] > 5
    assert 0.02 < found["p95"] <= found["max"] < 1.0
    assert found["p50"] > 0.005


def test_outside_of_the_phase_there_is_nothing() -> None:
    assert LoopLag().percentiles(0.0, 1.0) is None


def test_a_loop_that_has_been_closed_ends_the_asking() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with LoopLag().watch(loop):
        time.sleep(0.03)
