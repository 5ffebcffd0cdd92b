from __future__ import annotations

import itertools
import threading
import time

import pytest

from experiments import meter
from experiments.errors import Failure
from experiments.meter import Meter, Reading, find_growth

READINGS = [Reading(10.0, 0.0), Reading(11.0, 0.2), Reading(12.0, 1.2), Reading(13.0, 1.4)]


def test_a_phase_has_what_was_used_between_its_two_moments() -> None:
    # Half of the first interval, all of the second, half of the third.
    assert find_growth(READINGS, 10.5, 12.5) == pytest.approx(0.1 + 1.0 + 0.1)
    assert find_growth(READINGS, 10.0, 13.0) == pytest.approx(1.4)


def test_a_phase_that_is_shorter_than_the_gaps_it_lies_in_has_none() -> None:
    assert find_growth(READINGS, 11.2, 12.9) is None
    assert find_growth(READINGS, 11.5, 11.6) is None


@pytest.mark.parametrize(("started_s", "ended_s"), [(9.0, 12.0), (10.5, 14.0), (1.0, 2.0), (20.0, 30.0)])
def test_what_lies_outside_the_readings_is_not_known(started_s: float, ended_s: float) -> None:
    assert find_growth(READINGS, started_s, ended_s) is None
    assert find_growth([], started_s, ended_s) is None


def test_it_reads_before_after_and_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "INTERVAL_S", 0.001)
    monkeypatch.setattr(meter, "COST_FACTOR", 1)
    values = itertools.count(1)
    several = threading.Event()

    def count() -> float:
        value = next(values)
        if value > 20:
            several.set()
        return float(value)

    with Meter(count) as read:
        started_s = time.monotonic()
        assert several.wait(10)
        ended_s = time.monotonic()
    assert read.grown >= 20
    assert 10 < (read.between(started_s, ended_s) or 0.0) < read.grown


def test_a_counter_that_answers_slowly_is_read_twice_only() -> None:
    values = itertools.count()

    def count() -> float:
        time.sleep(2 * meter.SLOW_S)
        return float(next(values))

    with Meter(count) as read:
        started_s = time.monotonic()
        time.sleep(3 * meter.INTERVAL_S)
    assert read.grown == 1.0
    assert read.between(started_s, time.monotonic()) is None


def test_a_counter_that_fails_in_between_fails_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "INTERVAL_S", 0.001)
    monkeypatch.setattr(meter, "COST_FACTOR", 1)
    failed = threading.Event()
    values = iter([1.0])

    def count() -> float:
        for value in values:
            return value
        failed.set()
        raise Failure("the engine is gone")

    def watch() -> None:
        with Meter(count):
            assert failed.wait(10)

    with pytest.raises(Failure, match="the engine is gone"):
        watch()


def test_what_ends_a_run_is_not_replaced_by_what_the_counter_says() -> None:
    values = iter([1.0])

    def watch() -> None:
        with Meter(lambda: next(values)):
            raise Failure("the loader cannot be started")

    with pytest.raises(Failure, match="the loader cannot be started"):
        watch()
