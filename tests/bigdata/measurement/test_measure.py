"""The account of a phase: this process's own usage, and what living children say of theirs."""

from __future__ import annotations

import time

import pytest

from bigdata.measurement import measure
from bigdata.measurement.measure import PhaseClock, Usage, added, used_since


def test_usages_add_up() -> None:
    assert added([Usage(1.0, 0.5, 3, 4), Usage(0.25, 0.25, 1, 2)]) == Usage(1.25, 0.75, 4, 6)
    assert added([]) == Usage(0, 0, 0, 0)


def test_what_was_used_since_then_is_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "read_usage", lambda: Usage(3.0, 2.0, 10, 8))
    assert used_since(Usage(1.0, 1.5, 4, 7)) == Usage(2.0, 0.5, 6, 1)


def test_a_clock_adds_what_children_used(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Usage(1.0, 1.0, 5, 5), Usage(1.5, 1.25, 7, 6)])
    monkeypatch.setattr(measure, "read_usage", lambda: next(readings))
    clock = PhaseClock()
    clock.start()
    measured = clock.stop(7, [Usage(1.0, 2.0, 30, 40), Usage(0.5, 0.5, 3, 4)])
    assert measured.usage == Usage(2.0, 2.75, 35, 45)


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
    used = used_since(before)
    assert used.user_s + used.system_s >= 0.09
