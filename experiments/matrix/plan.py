"""Order of the runs: blocks in which every cell runs once, each shuffled by the seed.

So a drift of the machine hits all cells alike, and ratios can be paired within a block.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bigdata.registry import OPEN_LOOP_TIMES, OPERATING
from experiments.errors import BadInput
from experiments.matrix.arrivals import load_of, rate_of
from experiments.matrix.cell import Cell, canonical_json
from experiments.matrix.expand import Arm, PlannedCell
from experiments.matrix.spec import DataSet

MAXIMUM_RUNS = 2_000_000
"""Of a campaign; at a second each, they take 23 days."""

OVERHEAD_S = 0.6
"""What a run costs besides the timed phases: start, clear, verify. Campaign on 2 cores."""

ROWS_PER_S = 12_000.0
ROWS_PER_S_ALONE = 4_000.0
"""With a single connection, which waits for the disk at each durable commit; the slower of the disks measured."""

OPERATIONS_PER_S = 5_000.0
"""Of a closed loop, and so of a load of 100%."""

START_CPU_S = 0.4
CPU_S_PER_ROW = 40e-6
"""CPU time of a loader, which decides where it has a fraction of a core."""

ROWS_PER_RECORD = {"01": 222}
USUAL_ROWS_PER_RECORD = 208
"""8,113 items in 39 segments."""


@dataclass(frozen=True)
class PlannedRun:
    """One run. ``block`` counts from 1, ``order`` from 1 within the block, ``repeat`` its repetitions there."""

    cell: Cell
    arm: Arm
    block: int
    order: int
    repeat: int = 0


@dataclass(frozen=True)
class Plan:
    """All cells, those included that cannot run, and the runs of the others in their order."""

    cells: tuple[PlannedCell, ...]
    seed: int
    repeats: int

    @property
    def runnable(self) -> list[PlannedCell]:
        """The cells of each block."""
        return [planned for planned in self.cells if planned.unsupported is None]

    @cached_property
    def runs(self) -> tuple[PlannedRun, ...]:
        """``repeats`` blocks, each a fresh shuffle of the runnable cells by seed, wherever matrix.yaml has them."""
        can_run = [(planned.cell, planned.arm) for planned in self.runnable]
        can_run.sort(key=lambda cell_and_arm: (canonical_json(cell_and_arm[0].axes()), cell_and_arm[1]))
        runs: list[PlannedRun] = []
        for block in range(1, self.repeats + 1):
            shuffled = list(can_run)
            random.Random(f"{self.seed}/{block}").shuffle(shuffled)  # noqa: S311  # an order, no secret
            runs += [PlannedRun(cell, arm, block, order) for order, (cell, arm) in enumerate(shuffled, start=1)]
        return tuple(runs)


def make_plan(cells: Sequence[PlannedCell], repeats: int, seed: int) -> Plan:
    """Plan ``repeats`` blocks of these cells. Raises BadInput for more runs than a campaign can have."""
    plan = Plan(tuple(cells), seed, repeats)
    per_block = len(plan.runnable)
    if per_block * repeats > MAXIMUM_RUNS:
        raise BadInput(
            f"repeats: {repeats:,} blocks of {per_block:,} cells are {per_block * repeats:,} runs, more than "
            f"{MAXIMUM_RUNS:,}: lower repeats, or select cells with --only"
        )
    return plan


def estimate_s(plan: Plan, seconds_per_run: Callable[[Cell], float]) -> float:
    """Return how many seconds the runs of a plan will take, after set-up."""
    return plan.repeats * sum(seconds_per_run(planned.cell) for planned in plan.runnable)


def guess_run_s(cell: Cell, data: DataSet, timeout_s: float, cores: float | None = None) -> float:
    """Estimate the seconds of one run from measurements elsewhere; at most, or of unknown records, the time limit.

    ``cores`` is the loader's limit of CPU time, None without one.
    """
    if not isinstance(data.records, int):
        return timeout_s
    if cell.workload in OPERATING:
        workload = OPERATING[cell.workload]
        operations = workload.operations(data.records, cell.poolsize) * (OPEN_LOOP_TIMES if cell.is_open else 1)
        load_s = operations * max(1 / _guess_rate(cell), workload.least_s / cell.poolsize)
        return min(timeout_s, OVERHEAD_S + load_s)
    rows = data.records * sum(ROWS_PER_RECORD.get(segment, USUAL_ROWS_PER_RECORD) for segment in data.segments)
    load_s = rows / (ROWS_PER_S if cell.poolsize > 1 else ROWS_PER_S_ALONE)
    limited_s = 0.0 if cores is None else (START_CPU_S + rows * CPU_S_PER_ROW) / cores
    return min(timeout_s, OVERHEAD_S + max(load_s, limited_s))


def _guess_rate(cell: Cell) -> float:
    """Return the operations per second that come, or are done if that is less."""
    rate, load = rate_of(cell.arrivals), load_of(cell.arrivals)
    asked = OPERATIONS_PER_S if rate is None else rate
    return min(OPERATIONS_PER_S, asked * (1.0 if load is None else load))
