"""Instructions in user space and system calls of a row or operation of one cell, by two loads of different size."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bigdata.registry import LOADERS, OPERATING
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.run import utc_now
from experiments.engines.loader_report import RunFailed
from experiments.engines.profilers import STRACE, Instrument, Instruments
from experiments.errors import Failure, Unsupported
from experiments.profiling.explanation import read_counts, report_units
from experiments.profiling.runs import InstrumentedRuns
from experiments.records.counts import CellCount

FEW_RECORDS = 4
"""Of the smaller load: the first statement of each connection is in both."""
MORE_RECORDS_OF_STRACE = 6
AT_FULL_SPEED = (20, 60)
"""Records of both loads where the kernel or the processor counts: each of 20 connections has one in both."""


@dataclass(frozen=True)
class Loads:
    """The records of the smaller and of the larger load, and their connections."""

    few: int
    more: int
    connections: int


# Records that the larger load has more, and the most connections: below valgrind each takes 50 million instructions
# to log in. A row costs event loops more instructions, but their counts differ less. With few connections, one wakes up
# for each answer if the server is slow, and for several if it is fast. Of processes each translates its code anew.
_EMULATED = {"tasks": (12, 6), "greenlets": (12, 4), "processes": (12, 2)}
_OTHERS_EMULATED = (16, 4)
# Of other workloads the smaller load is one record, which is many operations, and the larger has so many operations
# more. If these wait, each answer has to find the client asleep.
_OPERATIONS = 600
_WAITING_OPERATIONS, _WAITING_CONNECTIONS = 400, 2

_REFERENCES = re.compile(r"^==(\d+)== I +refs: +([\d,]+)$", re.MULTILINE)
SAME_HASHES = {"PYTHONHASHSEED": "0", "BIGDATA_CONNECT_TIMEOUT_S": "120"}
"""Variables of a loader that is counted: the same hashes in each, and time to connect below an emulator."""


@dataclass(frozen=True)
class Instructions:
    """Instructions of a row or operation: the mean of two counts, whose difference as a share of it is ``noise``."""

    each: float
    noise: float
    tool: Instrument
    connections: int


def count_cell(campaign: str, cell_key: str, ready: PreparedCell, instruments: Instruments) -> CellCount:
    """Count the instructions of a row or operation, and its system calls; what cannot be counted has its reason."""
    runs = InstrumentedRuns(ready, instruments, SAME_HASHES, only_data=ready.cell.workload in OPERATING)
    values: dict[str, Any] = {}
    for name, find in (("instructions", _instructions), ("system_calls", _calls)):
        try:
            values |= find(runs)
        except RunFailed as failure:
            values[f"{name}_reason"] = failure.reason
        except (Failure, Unsupported, ValueError, KeyError) as reason:
            values[f"{name}_reason"] = str(reason)
    return CellCount(campaign, cell_key, utc_now(), ready.cell, **values)


def count_instructions(runs: InstrumentedRuns) -> Instructions:
    """Count twice, by loads of two sizes. Raises Unsupported with the reason if that is not possible, or RunFailed."""
    counter = runs.instruments.instruction_counter()
    loads = choose_loads(counter, runs.ready)
    first, second = (_emulated_twice if counter.emulates else _counted_twice)(runs, counter, loads)
    mean = (first + second) / 2
    if mean <= 0:
        raise Unsupported("the larger load did not take more instructions than the smaller one")
    return Instructions(mean, abs(first - second) / mean, counter, loads.connections)


def _emulated_twice(runs: InstrumentedRuns, counter: Instrument, loads: Loads) -> tuple[float, float]:
    """Count in one run, which starts once: each load is a fork of it, whose total has what the start took."""
    sizes = (loads.few, loads.more, loads.more)
    report, seen = runs.observe(counter, [*_connections(loads), "--forked", ",".join(map(str, sizes))])
    few, *twice = (
        (total, report_units(load))
        for total, load in zip(read_forked(seen, report["forked"]), report["loads"], strict=True)
    )
    first, second = (_slope(few, more) for more in twice)
    return first, second


def _counted_twice(runs: InstrumentedRuns, counter: Instrument, loads: Loads) -> tuple[float, float]:
    """Count at full speed, by runs of their own."""
    # Python compiles a module that is new to it, in the first run alone.
    runs.observe(None, _options(loads.few, loads))
    first, second = (_per_unit(runs, counter, loads, read_instructions) for _ in range(2))
    return first, second


def _instructions(runs: InstrumentedRuns) -> dict[str, Any]:
    counted = count_instructions(runs)
    return {
        "instructions_per_row": counted.each,
        "noise": counted.noise,
        "instructions_tool": counted.tool.name,
        "instructions_tool_version": counted.tool.version,
        "connections": counted.connections,
    }


def _calls(runs: InstrumentedRuns) -> dict[str, Any]:
    counter = runs.instruments.counter()
    calls = _per_unit(
        runs, counter, choose_loads(counter, runs.ready), lambda text: read_counts(counter.name, text)["all"]
    )
    return {
        "system_calls_per_row": max(0.0, calls),
        "system_calls_tool": counter.name,
        "system_calls_tool_version": counter.version,
    }


def _per_unit(runs: InstrumentedRuns, counter: Instrument, loads: Loads, read: Callable[[str], int]) -> float:
    """Return the slope between both loads: what start, connections and end take is in neither."""
    found = []
    for records in (loads.few, loads.more):
        report, seen = runs.observe(counter, _options(records, loads))
        found.append((read(seen), report_units(report)))
    return _slope(*found)


def _slope(few: tuple[int, int], more: tuple[int, int]) -> float:
    """Return the cost of one of what the larger load has more, by the total and the units of both."""
    if more[1] <= few[1]:
        raise Unsupported("too few records to separate their cost from that of the start; use more with --records")
    return (more[0] - few[0]) / (more[1] - few[1])


def _options(records: int, loads: Loads) -> list[str]:
    return ["--records", str(records), *_connections(loads)]


def _connections(loads: Loads) -> list[str]:
    return ["--poolsize", str(loads.connections)]


def choose_loads(counter: Instrument, ready: PreparedCell) -> Loads:
    """Return what the counter is to see: few records, as each takes long below an emulator."""
    records, pool = ready.data.geo_records, ready.cell.poolsize
    if not counter.emulates and counter.name != STRACE.name:
        few, more = AT_FULL_SPEED
        return Loads(max(1, min(few, records // 2)), min(more, records), pool)
    emulated, connections = _EMULATED.get(LOADERS[ready.cell.loader].runtime, _OTHERS_EMULATED)
    few, more = FEW_RECORDS, emulated if counter.emulates else MORE_RECORDS_OF_STRACE
    if (operating := OPERATING.get(ready.cell.workload)) is not None:
        few, more = 1, math.ceil(_OPERATIONS / operating.per_record)
        if operating.least_s:
            more, connections = math.ceil(_WAITING_OPERATIONS / operating.per_record), _WAITING_CONNECTIONS
    few = max(1, min(few, records // 2))
    return Loads(few, min(few + more, records), min(pool, connections))


def read_forked(text: str, forked: Sequence[int]) -> list[int]:
    """Return what valgrind counted in each forked load and in the processes that it started.

    ``forked`` are the ids of the loads' processes; the first is of one that did nothing, before all loads. Raises
    ValueError if it is not known of all.
    """
    groups: list[list[int]] = [[]]
    for pid, number in _REFERENCES.findall(text):
        groups[-1].append(int(number.replace(",", "")))
        if int(pid) in forked:
            groups.append([])
    loads = groups[1:-1]
    if len(loads) != len(forked) - 1 or len({len(load) for load in loads}) > 1:
        raise ValueError("valgrind did not count all processes: one was killed")
    return [sum(load) for load in loads]


def read_instructions(text: str) -> int:
    """Return the instructions that perf counted in all processes. Raises ValueError without any."""
    fields = [line.split(",") for line in text.splitlines()]
    found = [int(one[0]) for one in fields if len(one) > 2 and one[0].isdigit() and one[2].startswith("instructions")]
    if not found:
        raise ValueError("no instruction was counted")
    return sum(found)
