from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence

import pytest

from experiments.campaign.monitoring import counters as meter
from experiments.campaign.monitoring.counters import CounterSampler, Reading, find_growth
from experiments.errors import Failure

READINGS = [Reading(10.0, 0.0), Reading(11.0, 0.2), Reading(12.0, 1.2), Reading(13.0, 1.4)]

Steps = Sequence[tuple[float, float]]
"""From when on how many cores a server uses."""


def read_steps(steps: Steps, interval_s: float, offset_s: float, until_s: float = 10.0) -> list[Reading]:
    """What is read of such a server."""

    def used_s(at_s: float) -> float:
        ends_s = [began_s for began_s, _ in steps[1:]] + [until_s]
        return sum(
            rate * max(0.0, min(at_s, end_s) - began_s) for (began_s, rate), end_s in zip(steps, ends_s, strict=True)
        )

    count = int((until_s - offset_s) / interval_s)
    moments_s = [offset_s + number * interval_s for number in range(count + 1)]
    return [Reading(at_s, used_s(at_s)) for at_s in (0.0, *moments_s, until_s)]


def test_a_phase_has_what_was_used_between_its_readings_and_what_the_pieces_at_its_edges_add() -> None:
    readings = [Reading(10.0, 0.0), Reading(11.0, 0.2), Reading(12.0, 1.2), Reading(13.0, 1.5), Reading(14.0, 1.5)]
    # The piece before 11 at the rate of 11 to 12: 0.1; the piece after 13 at 0.3 a second, but nothing was used there.
    assert find_growth(readings, 10.9, 13.5) == pytest.approx(0.1 + 1.3 + 0.0)
    # No more before 11 than was used from 10 to 11; after 12 at the rate of 11 to 12, but no more than 0.3.
    assert find_growth(readings, 10.5, 12.2) == pytest.approx(0.2 + 1.0 + 0.2)
    assert find_growth(readings, 10.5, 12.9) == pytest.approx(0.2 + 1.0 + 0.3)


def test_a_phase_that_begins_and_ends_at_readings_has_what_lies_between_them() -> None:
    assert find_growth(READINGS, 10.0, 13.0) == pytest.approx(1.4)
    assert find_growth(READINGS, 11.0, 12.0) == pytest.approx(1.0)


def test_a_phase_with_less_than_two_readings_in_it_has_none() -> None:
    assert find_growth(READINGS, 10.2, 11.9) is None
    assert find_growth(READINGS, 11.5, 11.6) is None
    assert find_growth(READINGS, 11.0, 11.9) is None


@pytest.mark.parametrize("length_s", [0.4, 0.8, 1.5, 3.0])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(0.0, 0.0, id="idle, busy, idle"),
        pytest.param(1.7, 0.0, id="after a phase of another cost"),
        pytest.param(0.2, 0.0, id="after a cheaper phase"),
        pytest.param(0.0, 2.0, id="before something dearer"),
        pytest.param(1.7, 0.3, id="between two others"),
    ],
)
def test_what_a_server_does_before_and_after_a_phase_is_not_counted(
    length_s: float, before: float, after: float
) -> None:
    began_s = 4.0
    ended_s = began_s + length_s
    steps = [(0.0, 0.0), (began_s - 0.05, before), (began_s, 0.8), (ended_s, after), (ended_s + 0.5, 0.0)]
    for hundredths in range(1, 15):
        readings = read_steps(steps, 0.15, hundredths / 100)
        assert find_growth(readings, began_s, ended_s) == pytest.approx(0.8 * length_s)


def test_the_cost_of_a_reading_is_its_cpu_time() -> None:
    def wait() -> float:
        time.sleep(0.05)
        return 0.0

    wall_s, cpu_s = CounterSampler(wait)._read()
    assert wall_s >= 0.05 > 10 * cpu_s
    _, cpu_s = CounterSampler(lambda: float(sum(range(1_000_000))))._read()
    assert cpu_s > 0.001


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

    with CounterSampler(count) as read:
        started_s = time.monotonic()
        assert several.wait(10)
        ended_s = time.monotonic()
    assert read.growth >= 20
    assert 10 < (read.between(started_s, ended_s) or 0.0) < read.growth


def test_a_counter_that_answers_slowly_is_read_before_and_after_only() -> None:
    values = itertools.count()

    def count() -> float:
        time.sleep(2 * meter.SLOW_S)
        return float(next(values))

    with CounterSampler(count) as read:
        started_s = time.monotonic()
        time.sleep(3 * meter.INTERVAL_S)
    # The run begins at the last of the readings that looked for a quick one.
    assert (read.growth, next(values)) == (1.0, meter.FIRST_READINGS + 1)
    assert read.between(started_s, time.monotonic()) is None


def test_a_counter_that_takes_longer_than_any_wait_for_a_core_is_read_once_at_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meter, "HOPELESS_S", 0.02)
    values = itertools.count()

    def count() -> float:
        time.sleep(0.03)
        return float(next(values))

    with CounterSampler(count):
        pass
    assert next(values) == 2


def test_a_first_reading_that_had_to_wait_for_a_core_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "INTERVAL_S", 0.001)
    monkeypatch.setattr(meter, "COST_FACTOR", 1)
    values = itertools.count()
    several = threading.Event()

    def count() -> float:
        value = next(values)
        if value == 0:
            time.sleep(2 * meter.SLOW_S)
        if value > 5:
            several.set()
        return float(value)

    with CounterSampler(count) as read:
        started_s = time.monotonic()
        assert several.wait(10)
        ended_s = time.monotonic()
    assert read.between(started_s, ended_s) is not None


class Waits:
    """Stands for the event of having been left: notes for how long it is waited, and ends the thread in the end."""

    def __init__(self, times: int) -> None:
        self.waited_s: list[float] = []
        self._times = times

    def wait(self, timeout_s: float) -> bool:
        self.waited_s.append(timeout_s)
        return len(self.waited_s) > self._times

    def set(self) -> None:
        pass


def waits_between(costs_s: Sequence[float], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long is waited before each reading, of which the first ones take so much CPU time, each of them a second."""
    read, waits, costs = CounterSampler(lambda: 0.0), Waits(len(costs_s) - 1), iter(costs_s)
    monkeypatch.setattr(read, "_left", waits)
    monkeypatch.setattr(read, "_read", lambda: (1.0, next(costs)))
    read._sample(next(costs))
    return waits.waited_s


def test_readings_become_rarer_as_the_servers_processes_make_them_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    # A server before its pool of 120, then with it: once most of the last five say so, 0.25% of the time at most.
    waits_s = waits_between([0.0001, *[0.001] * 6], monkeypatch)
    assert waits_s == pytest.approx([0.15, 0.15, 0.4, 0.4, 0.4, 0.4, 0.4])


def test_single_readings_that_are_dear_make_the_next_ones_no_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits_s = waits_between([0.0001, 0.02, 0.0001, 0.02, 0.0001, 0.0001], monkeypatch)
    assert waits_s == pytest.approx([0.15] * 6)


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
        with CounterSampler(count):
            assert failed.wait(10)

    with pytest.raises(Failure, match="the engine is gone"):
        watch()


def test_what_ends_a_run_is_not_replaced_by_what_the_counter_says() -> None:
    values = iter([1.0])

    def watch() -> None:
        with CounterSampler(lambda: next(values)):
            raise Failure("the loader cannot be started")

    with pytest.raises(Failure, match="the loader cannot be started"):
        watch()


def test_a_lossy_counter_goes_on_at_its_rate_to_the_end_of_the_phase() -> None:
    # The backends end at 12.5, so that nothing more is read; until then they waited as before.
    readings = [Reading(10.0, 0.0), Reading(11.0, 0.2), Reading(12.0, 1.2), Reading(13.0, 1.2)]
    assert find_growth(readings, 11.0, 12.5, lossy=True) == pytest.approx(1.5)
    assert find_growth(readings, 11.0, 12.5) == pytest.approx(1.0)
