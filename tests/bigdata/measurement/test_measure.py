"""The account of a phase: this process's own usage, and what living children say of theirs."""

from __future__ import annotations

import time

import pytest

from bigdata.measurement import measure
from bigdata.measurement.measure import PhaseClock, Usage, added


def test_usages_add_up() -> None:
    assert added([Usage(1.0, 0.5, 3, 4), Usage(0.25, 0.25, 1, 2)]) == Usage(1.25, 0.75, 4, 6)
    assert added([]) == Usage(0, 0, 0, 0)
    waited = [Usage(0, 0, 0, 0, 0.5), Usage(0, 0, 0, 0), Usage(0, 0, 0, 0, 0.25)]
    assert added(waited).run_queue_s == 0.75


def test_what_was_used_since_then_is_the_difference() -> None:
    assert Usage(3.0, 2.0, 10, 8).since(Usage(1.0, 1.5, 4, 7)) == Usage(2.0, 0.5, 6, 1)


def test_a_clock_adds_what_children_used(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Usage(1.0, 1.0, 5, 5), Usage(1.5, 1.25, 7, 6)])
    monkeypatch.setattr(measure, "read_usage", lambda: next(readings))
    monkeypatch.setattr(measure, "read_waits", dict)
    clock = PhaseClock()
    clock.start()
    measured = clock.stop(7, [Usage(1.0, 2.0, 30, 40), Usage(0.5, 0.5, 3, 4)])
    assert measured.usage == Usage(2.0, 2.75, 35, 45)


def test_a_clock_adds_what_threads_waited_for_a_core_those_that_have_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of thread 2 nothing is known after it left, thread 3 ends without leaving, thread 4 is new.
    readings = iter([{1: 1.0, 2: 0.5, 3: 4.0}, {1: 1.25, 4: 0.125}])
    monkeypatch.setattr(measure, "read_waits", lambda: next(readings))
    monkeypatch.setattr(measure, "read_own_wait", lambda: {2: 2.5})
    clock = PhaseClock()
    clock.start()
    clock.leave()
    assert clock.stop(7).usage.run_queue_s == 0.25 + 2.0 + 0.125


def test_where_the_kernel_keeps_no_account_nothing_is_known_of_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "read_waits", dict)
    monkeypatch.setattr(measure, "read_own_wait", dict)
    clock = PhaseClock()
    clock.start()
    clock.leave()
    assert clock.stop(7).usage.run_queue_s is None


def test_a_phase_says_when_it_was_on_the_clock_that_all_processes_of_the_machine_share() -> None:
    before_s = time.monotonic()
    clock = PhaseClock()
    clock.start()
    measured = clock.stop(7)
    assert measured.started_s is not None
    assert measured.ended_s is not None
    assert before_s <= measured.started_s <= measured.ended_s <= time.monotonic()
    assert measured.wall_s == measured.ended_s - measured.started_s


def test_this_process_counts_what_it_burns() -> None:
    before = measure.read_usage()
    began_s = time.process_time()
    while time.process_time() - began_s < 0.1:
        pass
    used = measure.read_usage().since(before)
    assert used.user_s + used.system_s >= 0.09
