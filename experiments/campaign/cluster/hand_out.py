"""Blocks for the machines of a cluster, and their records to disk one by one.

A block belongs to one machine, so that its ratios are paired there. Its records are on disk at once, but count only
when the block is whole. Of a block that another machine measures again the first one's become interrupted attempts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from experiments.campaign.progress import Reporter, describe_run
from experiments.errors import Failure
from experiments.formatting import count
from experiments.matrix.plan import PlannedRun
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder
from experiments.records.record import from_json_line

Kind = Literal["tell", "described", "record", "samples"]


@dataclass(frozen=True)
class Report:
    """What a machine sends while it has a block: a line to tell, its description, or a line for a file.

    ``attempt`` names one attempt at the block, on one machine.
    """

    kind: Kind
    text: str
    machine: str
    block: int
    attempt: str


@dataclass(frozen=True)
class Ended:
    """The end of a block: the attempt that is whole, or the problem that ended it."""

    block: int
    attempt: str | None = None
    problem: Exception | None = None


class Machines(Protocol):
    """The machines of a cluster."""

    def count(self) -> int:
        """Return how many there are now."""

    def begin(self, block: int) -> None:
        """Give the block to a machine that is free; to another one if that is lost."""

    def wait(self) -> Report | Ended:
        """Return what comes next; of a block the reports before its end. Raises EngineLost if nothing will come."""


@dataclass
class _Attempt:
    """The present attempt at a block, None before its first report; ``given_up`` are those before it."""

    name: str | None = None
    machine: str = ""
    runs: list[PlannedRun] = field(default_factory=list)
    given_up: set[str] = field(default_factory=set)


class HandOut:
    """The blocks of a campaign on their way to machines. ``admit`` gets each machine that describes itself."""

    def __init__(
        self,
        folder: CampaignFolder,
        described: Description,
        machines: Machines,
        reporter: Reporter,
        admit: Callable[[str, str], None],
        *,
        resumed: bool,
    ) -> None:
        self._folder = folder
        self._campaign = described.campaign
        self._repeats = described.repeats
        self._planned = described.planned_runs
        self._machines = machines
        self._reporter = reporter
        self._admit = admit
        self._resumed = resumed
        self._under_way: dict[int, _Attempt] = {}

    def run(self, blocks: Iterable[int]) -> None:
        """Have every block measured. An exception leaves the records of blocks in progress as interrupted."""
        waiting = deque(blocks)
        try:
            while waiting or self._under_way:
                while waiting and len(self._under_way) < max(1, self._machines.count()):
                    self._begin(waiting.popleft())
                self._take(self._machines.wait())
        finally:
            for block in self._under_way:
                self._folder.end_block(block, whole=False)

    def _begin(self, block: int) -> None:
        self._under_way[block] = _Attempt()
        self._machines.begin(block)

    def _take(self, message: Report | Ended) -> None:
        if isinstance(message, Ended):
            self._end(message)
        elif message.kind == "tell":
            self._reporter.tell(f"{message.machine}: {message.text}")
        elif message.kind == "described":
            self._admit(message.machine, message.text)
        elif self._is_present(message):
            self._keep(message)

    def _is_present(self, report: Report) -> bool:
        """Return whether a report is of the present attempt; the first of another one gives up the one before."""
        attempt = self._under_way.get(report.block)
        if attempt is None or report.attempt in attempt.given_up:
            return False
        if attempt.name != report.attempt:
            if attempt.name is not None:
                attempt.given_up.add(attempt.name)
                self._folder.end_block(report.block, whole=False)
                self._reporter.repeat(attempt.runs)
                self._reporter.tell(
                    f"block {report.block}: lost on {attempt.machine} after {count(len(attempt.runs), 'run')}; "
                    f"{report.machine} measures it again"
                )
            attempt.name, attempt.machine, attempt.runs = report.attempt, report.machine, []
        return True

    def _keep(self, report: Report) -> None:
        if report.kind == "samples":
            self._folder.append_samples_line(report.text)
            return
        record = from_json_line(report.text, f"machine {report.machine}")
        if record.run not in self._planned or record.block != report.block:
            raise Failure(f"machine {report.machine}: sent the record of a run that is not planned")
        record = replace(record, campaign=self._campaign, machine=report.machine, resumed=self._resumed)
        self._folder.append_to_block(record)
        run = PlannedRun(record.cell, record.arm, record.block, record.order, record.repeat)
        self._under_way[report.block].runs.append(run)
        if record.repeat:
            self._reporter.repeat([run])
        label = f"block {record.block}/{self._repeats} on {report.machine}: {describe_run(run)}"
        self._reporter.end_run(record, label)

    def _end(self, ended: Ended) -> None:
        if ended.problem is not None:
            raise ended.problem
        attempt = self._under_way[ended.block]
        if attempt.name != ended.attempt:
            raise Failure(f"block {ended.block}: its records have not come")
        self._folder.end_block(ended.block, whole=True)
        del self._under_way[ended.block]
