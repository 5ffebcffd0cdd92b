"""Loop over the planned runs: each is measured once and on disk before the next one begins."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from experiments.campaign.progress import Reporter
from experiments.campaign.run import PreparedCell, initial_record
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

Cells = Mapping[Cell, PreparedCell | str]
Measure = Callable[[PreparedCell, Record], Record]


def run_blocks(
    folder: CampaignFolder,
    plan: Plan,
    cells: Cells,
    keys: Mapping[Cell, str],
    measure: Measure,
    reporter: Reporter,
    blocks: Blocks,
    *,
    resumed: bool = False,
) -> None:
    """Measure the runs left of the plan, then those of the blocks that are added to it.

    An exception leaves the present run recorded as interrupted, and is raised again. ``resumed``: an earlier command
    began the campaign.
    """
    _record_unsupported(folder, cells, keys)
    growing: Plan | None = plan
    while growing is not None:
        done, left = _split(folder, growing, cells)
        reporter.begin([run for run, _ in left], done)
        for run, prepared in left:
            reporter.begin_run(run, blocks.label(run.block), blocks.budget())
            reporter.end_run(_attempt(folder, run, prepared, measure, resumed))
        growing = blocks.grow(growing)


def _attempt(
    folder: CampaignFolder, run: PlannedRun, prepared: PreparedCell, measure: Measure, resumed: bool
) -> Record:
    initial = initial_record(folder.path.name, run, prepared.key)
    folder.begin_attempt(initial)
    try:
        record = replace(measure(prepared, initial), resumed=resumed)
        _check_room(prepared.server, record)
    except (KeyboardInterrupt, Exception):
        # Even after a bug of the harness: every attempt leaves a record.
        folder.append(initial)
        raise
    folder.append(record)
    return record


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


def _split(folder: CampaignFolder, plan: Plan, cells: Cells) -> tuple[int, list[tuple[PlannedRun, PreparedCell]]]:
    """Return the number of runs with a record, and the runs without; interrupted attempts do not count."""
    done = {record.run for record in folder.records() if not record.interrupted}
    runs = [(run, prepared) for run in plan.runs if isinstance(prepared := cells[run.cell], PreparedCell)]
    left = [(run, prepared) for run, prepared in runs if (prepared.key, run.arm, run.block) not in done]
    return len(runs) - len(left), left


def _record_unsupported(folder: CampaignFolder, cells: Cells, keys: Mapping[Cell, str]) -> None:
    """Write one record, with its reason, for each cell that cannot run."""
    recorded = {record.run for record in folder.records()}
    for cell, reason in cells.items():
        if isinstance(reason, PreparedCell) or (keys[cell], "a", NO_BLOCK) in recorded:
            continue
        record = initial_record(folder.path.name, PlannedRun(cell, "a", NO_BLOCK, 0), keys[cell])
        folder.append(replace(record, status="unsupported", reason=reason, interrupted=False))
