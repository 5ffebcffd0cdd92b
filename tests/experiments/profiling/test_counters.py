"""Counting by two loads, on fakes: the start is in neither, and what fails costs only its own number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.campaign.datasets import PreparedData
from experiments.campaign.prepared_cell import PreparedCell
from experiments.engines.profilers import STRACE, VALGRIND, Instrument, Observed
from experiments.engines.protocol import Finished, Launch
from experiments.errors import Unsupported
from experiments.matrix.cell import Cell
from experiments.profiling.count import describe_count
from experiments.profiling.counters import choose_loads, count_cell, read_forked, read_instructions
from experiments.records.facts import Placement

PERF = Instrument("perf", ("perf", "{output}"))
START = 1_000_000


class Fakes:
    """A host and instruments that count ``cost`` for each of 10 rows of a record, and more in each next count."""

    def __init__(self, cost: float = 1000.0) -> None:
        self.cost = cost
        self.counter_of_instructions = replace(VALGRIND, version="3.19.0")
        self.loads: list[tuple[str, str, str]] = []
        self.broken: set[str] = set()

    def run(self, launch: Launch) -> Finished:
        return Finished(0, "{}", "", 0.1)

    def instruction_counter(self) -> Instrument:
        if "valgrind" in self.broken:
            raise Unsupported("perf: is not installed; valgrind: is not installed")
        return self.counter_of_instructions

    def counter(self) -> Instrument:
        if "strace" in self.broken:
            raise Unsupported("strace: is not installed")
        return STRACE

    def observe(self, instrument: Instrument | None, launch: Launch) -> Observed:
        given = dict(zip(launch.arguments, launch.arguments[1:], strict=False))
        sizes = given.get("--forked") or given["--records"]
        self.loads.append(("plain" if instrument is None else instrument.name, sizes, given["--poolsize"]))
        assert ("--only-data" in launch.arguments) == ("--workload" in launch.arguments)
        assert launch.environment["PYTHONHASHSEED"] == "0"
        assert ("--forked" in given) == (instrument is not None and instrument.emulates)
        if "--forked" in given:
            return self._emulate([int(size) for size in sizes.split(",")], launch)
        rows = int(sizes) * 10
        seen = f"100.00 0.1 1 {50 + rows * 3} total\n"
        if instrument == PERF:
            seen = f"{int(START + rows * self.cost)},,instructions:u,99,100.00,,\n"
        return Observed(Finished(0, json.dumps(_report(rows, launch)), "", 0.5), seen)

    def _emulate(self, sizes: list[int], launch: Launch) -> Observed:
        """Be a load of one record, then a fork for each size, with a child process each; the last load costs more."""
        lines, forked = ["==100== I refs: 77", f"==101== I   refs:      {START:,}"], [101]
        for number, size in enumerate(sizes):
            cost = self.cost + (10 if number == len(sizes) - 1 else 0)
            forked.append(110 + number)
            lines += [] if "child" in self.broken and number == 1 else ["==9== I refs: 5"]
            lines.append(f"=={forked[-1]}== I   refs:      {int(START + size * 10 * cost):,}")
        loads = [_report(size * 10, launch) for size in sizes]
        seen = "\n".join([*lines, f"==99== I refs: {START}", ""])
        return Observed(Finished(0, json.dumps({"forked": forked, "loads": loads}), "", 0.5), seen)

    def ask(self, server: Any, statement: str) -> str:
        return ""


def _report(rows: int, launch: Launch) -> dict[str, Any]:
    phases: dict[str, Any] = {"geo": {"rows": 0}, "data": {"rows": rows, "wall_s": 1.0}}
    if "--workload" in launch.arguments:
        phases = {"data": {"rows": rows * 222, "wall_s": 1.0, "operations": rows}}
    return {"phases": phases, "work": {"checked": 0}}


@pytest.fixture
def make_cell(threaded: Cell, tmp_path: Path) -> Callable[..., PreparedCell]:
    def make(host: Any, records: int = 100, cell: Cell = threaded) -> PreparedCell:
        data = PreparedData(tmp_path, (), "digest", records, records, records * 10)
        placement = Placement(frozenset({0}), frozenset({1}))
        return PreparedCell(cell, "sha256:a", host, host, placement, data, "/data", 60.0)

    return make


def test_instructions_are_counted_twice_without_the_start_and_system_calls_once(
    make_cell: Callable[..., PreparedCell],
) -> None:
    fakes = Fakes()
    one = count_cell("c", "sha256:a", make_cell(fakes), fakes)
    assert (one.instructions_per_row, one.instructions_tool) == (1006.25, "valgrind")
    assert (one.instructions_tool_version, one.system_calls_tool_version) == ("3.19.0", None)
    assert one.noise == pytest.approx(0.0125 * 1000 / 1006.25)
    assert (one.system_calls_per_row, one.system_calls_tool, one.connections) == (3.0, "strace", 4)
    assert fakes.loads == [("valgrind", "4,20,20", "4"), ("strace", "4", "4"), ("strace", "10", "4")]
    assert describe_count(one) == (
        "1,006 instructions per row (valgrind, twice, 1.2% apart); 3.0 system calls per row (strace)"
    )


def test_of_another_workload_operations_are_counted_without_what_comes_before_the_timed_ones(
    make_cell: Callable[..., PreparedCell], threaded: Cell
) -> None:
    fakes = Fakes()
    fetch = replace(threaded, workload="fetch", transaction="autocommit")
    one = count_cell("c", "sha256:a", make_cell(fakes, cell=fetch), fakes)
    assert one.instructions_per_row == pytest.approx(1000 + 16 / 3)
    assert one.system_calls_per_row == 3.0
    assert fakes.loads[0] == ("valgrind", "1,16,16", "4")
    assert describe_count(one) == (
        "1,005 instructions per operation (valgrind, twice, 1.1% apart); 3.0 system calls per operation (strace)"
    )


@pytest.mark.parametrize(("workload", "more"), [("lookup", 7), ("fetch", 16), ("transaction", 16), ("wait", 21)])
def test_the_load_of_each_workload_is_so_many_operations(
    make_cell: Callable[..., PreparedCell], uvloop_cell: Cell, workload: str, more: int
) -> None:
    for counter in (VALGRIND, STRACE):
        loads = choose_loads(counter, make_cell(Fakes(), cell=replace(uvloop_cell, workload=workload)))
        assert (loads.few, loads.more, loads.connections) == (1, more, 2 if workload == "wait" else 6)


def test_without_a_tool_the_count_says_so_and_has_the_other_number(make_cell: Callable[..., PreparedCell]) -> None:
    fakes = Fakes()
    fakes.broken = {"valgrind"}
    one = count_cell("c", "sha256:a", make_cell(fakes), fakes)
    assert one.instructions_reason == "perf: is not installed; valgrind: is not installed"
    assert (one.instructions_per_row, one.system_calls_per_row) == (None, 3.0)
    fakes.broken = {"strace"}
    one = count_cell("c", "sha256:a", make_cell(fakes), fakes)
    assert one.system_calls_reason == "strace: is not installed"
    assert describe_count(one).endswith("; system calls: strace: is not installed")


def test_a_single_record_cannot_be_told_from_the_start(make_cell: Callable[..., PreparedCell]) -> None:
    fakes = Fakes()
    one = count_cell("c", "sha256:a", make_cell(fakes, records=1), fakes)
    assert str(one.instructions_reason).startswith("too few records")


def test_at_full_speed_more_is_counted(make_cell: Callable[..., PreparedCell], uvloop_cell: Cell) -> None:
    loads = choose_loads(PERF, make_cell(Fakes()))
    assert (loads.few, loads.more, loads.connections) == (20, 60, 20)
    loads = choose_loads(PERF, make_cell(Fakes(), records=30))
    assert (loads.few, loads.more, loads.connections) == (15, 30, 20)
    loads = choose_loads(VALGRIND, make_cell(Fakes(), cell=uvloop_cell))
    assert (loads.few, loads.more, loads.connections) == (4, 16, 6)


def test_at_full_speed_each_load_is_a_run_of_its_own(make_cell: Callable[..., PreparedCell]) -> None:
    fakes = Fakes()
    fakes.counter_of_instructions = PERF
    one = count_cell("c", "sha256:a", make_cell(fakes), fakes)
    assert (one.instructions_per_row, one.noise, one.instructions_tool) == (1000.0, 0.0, "perf")
    assert fakes.loads[:-2] == [("plain", "20", "20"), *[("perf", "20", "20"), ("perf", "60", "20")] * 2]


def test_a_process_that_was_killed_before_it_was_counted_is_the_reason(make_cell: Callable[..., PreparedCell]) -> None:
    fakes = Fakes()
    fakes.broken = {"child"}
    one = count_cell("c", "sha256:a", make_cell(fakes), fakes)
    assert one.instructions_reason == "valgrind did not count all processes: one was killed"


def test_counts_of_a_load_and_of_the_processes_that_it_started_are_added() -> None:
    text = "==5== I refs: 1\n==7== I   refs:      1,000\n==12== I refs: 5\n==8== I refs: 1,234,567\n==6== I refs: 3\n"
    assert read_forked(text, [7, 8]) == [1_234_572]


def test_instructions_are_read_from_perf() -> None:
    assert read_instructions("# started\n123456,,instructions:u,99,100.00,,\n") == 123_456


def test_a_tool_that_counted_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no instruction was counted"):
        read_instructions("<not supported>,,instructions:u,0,100.00,,")
