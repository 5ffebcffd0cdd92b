"""The loop: measure every planned run that is not done yet, and put each on disk before the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from experiments.campaign.progress import Reporter
from experiments.campaign.run import ReadyCell, begin, utc_now
from experiments.campaign.stopping_rule import Blocks
from experiments.matrix.cell import Cell
from experiments.matrix.plan import Plan, PlannedRun
from experiments.records.folder import CampaignFolder
from experiments.records.record import Record

# Runs count their blocks from 1; what stands for a cell that cannot run belongs to none of them.
NO_BLOCK = 0

Cells = Mapping[Cell, ReadyCell | str]
Measure = Callable[[ReadyCell, Record], Record]


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
    """Do what is left of the plan, and then of the blocks that are added to it.

    Whatever ends it leaves the present run recorded as interrupted, and is raised on. ``resumed``: an earlier command
    began the campaign.
    """
    _record_unsupported(folder, cells, keys)
    growing: Plan | None = plan
    while growing is not None:
        done, left = _split(folder, growing, cells)
        reporter.begin([run for run, _ in left], done)
        for run, ready in left:
            reporter.begin_run(run, blocks.label(run.block), blocks.budget())
            reporter.end_run(_attempt(folder, run, ready, measure, resumed))
        growing = blocks.grow(growing)


def _attempt(folder: CampaignFolder, run: PlannedRun, ready: ReadyCell, measure: Measure, resumed: bool) -> Record:
    begun = begin(folder.path.name, run, ready.key)
    folder.begin_attempt(begun)
    try:
        record = replace(measure(ready, begun), resumed=resumed)
    except (KeyboardInterrupt, Exception):
        # Whatever it was, an engine that is lost or a mistake in here: an attempt without a record would be a hole.
        folder.append(begun)
        raise
    folder.append(record)
    return record


def _split(folder: CampaignFolder, plan: Plan, cells: Cells) -> tuple[int, list[tuple[PlannedRun, ReadyCell]]]:
    """How many of the plan's runs have a record, and those that have none; interrupted attempts do not count."""
    done = {record.run for record in folder.records() if not record.interrupted}
    runs = [(run, ready) for run in plan.runs if isinstance(ready := cells[run.cell], ReadyCell)]
    left = [(run, ready) for run, ready in runs if (ready.key, run.arm, run.block) not in done]
    return len(runs) - len(left), left


def _record_unsupported(folder: CampaignFolder, cells: Cells, keys: Mapping[Cell, str]) -> None:
    """One record, with its reason, for each cell that cannot run: never a hole."""
    recorded = {record.run for record in folder.records()}
    for cell, reason in cells.items():
        if isinstance(reason, ReadyCell) or (keys[cell], "a", NO_BLOCK) in recorded:
            continue
        record = Record(
            campaign=folder.path.name,
            cell_key=keys[cell],
            arm="a",
            block=NO_BLOCK,
            order=0,
            started_at=utc_now(),
            status="unsupported",
            reason=reason,
            cell=cell,
        )
        folder.append(record)
