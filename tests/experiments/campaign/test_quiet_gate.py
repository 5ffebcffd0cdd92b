"""The gate before each run, with looks and a clock of the test's own, and one real look."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest

from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.quiet_gate import LOOK_AGAIN_S, LOOK_S, QuietGate, look_at
from experiments.records.facts import Placement

LOAD = "foreign load of 0.9 cores"


class Machine:
    """Busy for so many seconds of looking."""

    def __init__(self, busy_s: float) -> None:
        self.now_s = 0.0
        self.busy_s = busy_s
        self.told: list[str] = []

    def look(self, prepared: PreparedCell, window_s: float) -> str | None:
        cause = LOAD if self.now_s < self.busy_s else None
        self.now_s += window_s
        return cause

    def gate(self, block_s: float) -> QuietGate:
        gate = QuietGate(block_s, self.told.append, self.look, lambda: self.now_s)
        gate.begin_block()
        return gate


class Prepared:
    def __init__(self, *, here: bool = True) -> None:
        self.here = here


PREPARED = cast(PreparedCell, Prepared())


def test_quiet_cores_cost_one_short_look() -> None:
    machine = Machine(0.0)
    assert machine.gate(60.0).wait(PREPARED)
    assert (machine.now_s, machine.told) == (LOOK_S, [])


def test_a_first_look_that_was_mistaken_is_not_told() -> None:
    machine = Machine(LOOK_S)
    assert machine.gate(60.0).wait(PREPARED)
    assert (machine.now_s, machine.told) == (LOOK_S + LOOK_AGAIN_S, [])


def test_a_busy_neighbour_is_waited_for_with_one_line_that_says_for_what() -> None:
    machine = Machine(5.0)
    assert machine.gate(60.0).wait(PREPARED)
    assert 5.0 <= machine.now_s <= 6.0
    assert machine.told == [f"waiting for quiet cores, at most 60 s in this block: {LOAD}"]


def test_patience_ends_for_a_block_and_comes_back_with_the_next() -> None:
    machine = Machine(1e9)
    gate = machine.gate(10.0)
    assert not gate.wait(PREPARED)
    assert 10.0 <= machine.now_s <= 10.0 + 2 * LOOK_AGAIN_S
    now_s = machine.now_s
    assert not gate.wait(PREPARED)
    # A block without patience has a short look for whether its runs may be repeated.
    assert machine.now_s - now_s == pytest.approx(LOOK_S)
    gate.begin_block()
    assert not gate.wait(PREPARED)
    waiting, ended = "waiting for quiet cores", "not quiet: the runs of this block are measured all the same"
    assert [line[: len(waiting)] for line in machine.told[::2]] == [waiting] * 2
    assert [line[: len(ended)] for line in machine.told[1::2]] == [ended] * 2


def test_a_campaign_waits_ten_times_as_long_as_a_block() -> None:
    machine = Machine(1e9)
    gate = machine.gate(10.0)
    for _ in range(100):
        gate.begin_block()
        gate.wait(PREPARED)
    assert len(machine.told) == 2 * 10
    assert not gate.is_open


def test_repetitions_take_their_time_from_the_campaigns_patience() -> None:
    machine = Machine(0.0)
    gate = machine.gate(10.0)
    with gate.repeating():
        machine.now_s += 99.0
    assert gate.is_open
    with gate.repeating():
        machine.now_s += 1.0
    assert not gate.is_open


@pytest.mark.parametrize(("patience_s", "here"), [(0.0, True), (60.0, False)])
def test_without_patience_and_on_another_machine_nobody_looks(patience_s: float, here: bool) -> None:
    machine = Machine(1e9)
    assert machine.gate(patience_s).wait(cast(PreparedCell, Prepared(here=here)))
    assert machine.now_s == 0.0


class Server:
    def cpu_s(self) -> float:
        return 0.0


class OnACore(Prepared):
    def __init__(self, cpu: int) -> None:
        super().__init__()
        self.server = Server()
        self.placement = Placement(frozenset({cpu}), frozenset({cpu}))


@pytest.fixture
def spinning() -> Iterator[int]:
    cpu = min(os.sched_getaffinity(0))
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", f"import os; os.sched_setaffinity(0, {{{cpu}}})\nwhile 1: pass"]
    )
    yield cpu
    process.kill()
    process.wait()


def test_a_spinning_process_on_the_core_is_seen(spinning: int) -> None:
    prepared: Any = OnACore(spinning)
    seen = [look_at(prepared, LOOK_AGAIN_S) for _ in range(3)]
    assert any(cause and "cores" in cause for cause in seen), seen
