"""The loop: measure every planned run that is not done yet, and put each on disk before the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experiments.cells import Cell
from experiments.errors import Failure
from experiments.plan import Plan
from experiments.progress import Reporter
from experiments.records import Record
from experiments.run import ReadyCell, begin, utc_now
from experiments.store import CampaignFolder

# Runs count their blocks from 1; what stands for a cell that cannot run belongs to none of them.
NO_BLOCK = 0


def run_campaign(
    folder: CampaignFolder,
    plan: Plan,
    cells: Mapping[Cell, ReadyCell | str],
    keys: Mapping[Cell, str],
    measure: Callable[[ReadyCell, Record], Record],
    reporter: Reporter,
) -> None:
    """Do what is left of the plan. A KeyboardInterrupt or Failure leaves the present run recorded as interrupted."""
    done = {record.run for record in folder.records() if not record.interrupted}
    _record_unsupported(folder, cells, keys, done)
    runs = [(run, ready) for run in plan.runs if isinstance(ready := cells[run.cell], ReadyCell)]
    left = [(run, ready) for run, ready in runs if (ready.key, run.arm, run.block) not in done]
    reporter.begin(len(runs), len(runs) - len(left))
    for run, ready in left:
        begun = begin(folder.path.name, run, ready.key)
        folder.begin_attempt(begun)
        reporter.begin_run(run, plan.repeats)
        try:
            record = measure(ready, begun)
        except (KeyboardInterrupt, Failure):
            folder.append(begun)
            raise
        folder.append(record)
        reporter.end_run(record)


def _record_unsupported(
    folder: CampaignFolder,
    cells: Mapping[Cell, ReadyCell | str],
    keys: Mapping[Cell, str],
    done: set[tuple[str, str, int]],
) -> None:
    """One record, with its reason, for each cell that cannot run: never a hole."""
    for cell, reason in cells.items():
        if isinstance(reason, ReadyCell) or (keys[cell], "a", NO_BLOCK) in done:
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
            cell=cell.axes(),
        )
        folder.append(record)
