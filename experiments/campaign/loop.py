"""Loop over the planned runs: each is measured once and on disk before the next one begins."""

import errno
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from experiments.analysis.disturbance import has_outside_cause
from experiments.campaign.calibration import with_rates
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.progress import Reporter, describe_result
from experiments.campaign.quiet_gate import MOST_REPEATS, QuietGate
from experiments.campaign.run import initial_record, measure
from experiments.campaign.stopping_rule import Blocks
from experiments.engines.protocol import Server
from experiments.errors import Failure
from experiments.files import named_errors
from experiments.matrix.cell import Cell
from experiments.matrix.plan import Plan, PlannedRun
from experiments.records.folder import CampaignFolder
from experiments.records.record import Record

_FULL = os.strerror(errno.ENOSPC)

NO_BLOCK = 0
"""The block of the record of a cell that cannot run; those of runs are counted from 1."""

FIRST_CALIBRATIONS = 3
"""Those before the first block. A load is of the median of all so far: one moment's speed is not that of a block."""

Cells = Mapping[Cell, PreparedCell | str]
Measure = Callable[[PreparedCell, Record], Record]
Run = tuple[PlannedRun, PreparedCell]


@dataclass(frozen=True)
class Runner:
    """What measures the runs of a campaign, one after the other. ``resumed``: an earlier command began the campaign."""

    folder: CampaignFolder
    measure: Measure
    reporter: Reporter
    blocks: Blocks
    gate: QuietGate
    resumed: bool = False
    calibrate: Measure = measure
    """Measures a run that leaves no record."""
    calibrated: dict[Cell, list[float]] = field(default_factory=dict)
    """The rates of all calibrations so far."""

    def run_block(self, runs: Sequence[Run], plan: Plan, *, whole: bool) -> None:
        """Measure the runs of one block; then repeat those that were disturbed from outside, with their baselines.

        A block that is not ``whole`` was begun by an earlier command, so that a baseline repeated by this one would
        be of another start of the servers.
        """
        records = {run: self._attempt(run, prepared) for run, prepared in runs}
        if not (self.gate.is_open and whole):
            return
        for repeat in range(1, MOST_REPEATS + 1):
            again = _choose_repeats(runs, records, plan)
            if not again or not self.gate.wait(again[0][1]):
                return
            again = [(replace(run, repeat=repeat), prepared) for run, prepared in again]
            self.reporter.repeat([run for run, _ in again])
            with self.gate.repeating():
                records |= {replace(run, repeat=0): self._attempt(run, prepared) for run, prepared in again}

    def begin_block(self, runs: Sequence[Run], plan: Plan, cells: Cells) -> list[Run]:
        """Give the block its patience; return its runs, those with a load with their rate."""
        self.gate.begin_block()

        def find_rate(base: PreparedCell) -> float | None:
            rates = self.calibrated.setdefault(base.cell, [])
            for _ in range(1 if rates else FIRST_CALIBRATIONS):
                self.gate.wait(base)
                run = replace(runs[0][0], cell=base.cell)
                record = self.calibrate(base, initial_record(self.folder.path.name, run, base.key))
                self.reporter.tell(f"calibration of block {run.block}: {describe_result(record)}")
                rates += [record.rate] if record.status == "ok" and record.rate is not None else []
            return statistics.median(rates) if rates else None

        ready = with_rates([prepared for _, prepared in runs], plan, cells, find_rate)
        return [(run, prepared) for (run, _), prepared in zip(runs, ready, strict=True)]

    def _attempt(self, run: PlannedRun, prepared: PreparedCell) -> Record:
        self.gate.wait(prepared)
        self.reporter.begin_run(run, self.blocks.label(run.block), self.blocks.budget())
        initial = initial_record(self.folder.path.name, run, prepared.key)
        self.folder.begin_attempt(initial)
        try:
            record = replace(self.measure(prepared, initial), resumed=self.resumed)
            _check_room(prepared.server, record)
        except (KeyboardInterrupt, Exception):
            # Even after a bug of the harness: every attempt leaves a record.
            self.folder.append(initial)
            raise
        self.folder.append(record)
        self.reporter.end_run(record)
        return record


def run_blocks(plan: Plan, cells: Cells, keys: Mapping[Cell, str], runner: Runner) -> None:
    """Measure the runs left of the plan, then those of the blocks that are added to it.

    An exception leaves the present run recorded as interrupted, and is raised again.
    """
    record_unsupported(runner.folder, cells, keys)
    growing: Plan | None = plan
    while growing is not None:
        done, left = _split(runner.folder, growing, cells)
        runner.reporter.begin([run for run, _ in left], done)
        per_block = sum(isinstance(cells[planned.cell], PreparedCell) for planned in growing.runnable)
        for _, block in groupby(left, key=lambda one: one[0].block):
            runs = list(block)
            runner.run_block(runner.begin_block(runs, growing, cells), growing, whole=len(runs) == per_block)
        growing = runner.blocks.grow(growing)


def _choose_repeats(runs: Sequence[Run], records: Mapping[PlannedRun, Record], plan: Plan) -> list[Run]:
    """Return the runs of a block whose last record was disturbed from outside, and their experiments' baselines."""
    experiments = {(one.cell, one.arm): {*one.experiments} for one in plan.runnable}
    disturbed = [run for run, prepared in runs if has_outside_cause(records[run], prepared.placement)]
    concerned = {name for run in disturbed for name in experiments[run.cell, run.arm]}
    baselines = {one.cell for one in plan.runnable if one.arm == "b" and concerned & {*one.experiments}}
    return [one for one in runs if one[0] in disturbed or (one[0].arm == "a" and one[0].cell in baselines)]


def _check_room(server: Server, record: Record) -> None:
    """Raise Failure where the disk of the server's data was full: every run would fail, and none of them be repeated.

    Storage in memory is another matter, as is shared memory: it is the row's own that has too little of it.
    """
    reason = record.reason or ""
    is_full = record.status == "failed" and _FULL in reason and "shared memory" not in reason
    if not is_full or server.facts.storage != "disk":
        return
    if server.data is None:
        raise Failure(f"{reason}; make room where the engine keeps its volumes, then rerun the same command")
    with named_errors(server.data):
        raise Failure(reason)


def _split(folder: CampaignFolder, plan: Plan, cells: Cells) -> tuple[int, list[Run]]:
    """Return the number of runs with a record, and the runs without; interrupted attempts do not count."""
    done = {record.run for record in folder.records() if not record.interrupted}
    runs = [(run, prepared) for run in plan.runs if isinstance(prepared := cells[run.cell], PreparedCell)]
    left = [(run, prepared) for run, prepared in runs if (prepared.key, run.arm, run.block) not in done]
    return len(runs) - len(left), left


def record_unsupported(folder: CampaignFolder, cells: Cells, keys: Mapping[Cell, str]) -> None:
    """Write one record, with its reason, for each cell that cannot run."""
    recorded = {record.run for record in folder.records()}
    for cell, reason in cells.items():
        if isinstance(reason, PreparedCell) or (keys[cell], "a", NO_BLOCK) in recorded:
            continue
        record = initial_record(folder.path.name, PlannedRun(cell, "a", NO_BLOCK, 0), keys[cell])
        folder.append(replace(record, status="unsupported", reason=reason, interrupted=False))
