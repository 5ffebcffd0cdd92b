from __future__ import annotations

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.campaign.cluster.hand_out import Ended, HandOut, Kind, Report
from experiments.campaign.progress import PlainLines
from experiments.errors import EngineLost, Failure
from experiments.records.campaign import runs_left
from experiments.records.description import Description, ShownCell
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record, to_json_line

Make = Callable[..., Record]
Message = Report | Ended | Exception


class Scripted:
    """Machines that send what a test says."""

    def __init__(self, number: int, messages: Iterable[Message]) -> None:
        self.number = number
        self.begun: list[int] = []
        self._messages = deque(messages)

    def count(self) -> int:
        return self.number

    def begin(self, block: int) -> None:
        self.begun.append(block)

    def wait(self) -> Report | Ended:
        message = self._messages.popleft()
        if isinstance(message, Exception):
            raise message
        return message


class Campaign:
    """A campaign of two cells, of which the machines measure the blocks."""

    def __init__(self, folder: CampaignFolder, make_record: Make) -> None:
        self.folder = folder
        self.described = folder.description()
        self.lines: list[str] = []
        self.admitted: list[tuple[str, str]] = []
        self._make = make_record

    def records(self, block: int) -> list[Record]:
        cells = self.described.cells
        return [self._make(one.cell, arm=one.arm, block=block, cell_key=one.cell_key) for one in cells]

    def reports(self, block: int, machine: str, attempt: str, number: int = 2) -> list[Message]:
        records = self.records(block)[:number]
        return [Report("record", to_json_line(one), machine, block, attempt) for one in records]

    def block(self, block: int, machine: str) -> list[Message]:
        return [*self.reports(block, machine, f"{block}"), Ended(block, f"{block}")]

    def run(self, machines: Scripted, blocks: Sequence[int] = (1, 2, 3), *, resumed: bool = False) -> None:
        reporter = PlainLines(self.lines.append, clock=lambda: 0.0)
        reporter.begin([], 0)
        admit = lambda name, text: self.admitted.append((name, text))  # noqa: E731
        HandOut(self.folder, self.described, machines, reporter, admit, resumed=resumed).run(blocks)

    def kept(self) -> list[tuple[int, str | None, bool]]:
        return [(one.block, one.machine, one.interrupted) for one in self.folder.records()]


@pytest.fixture
def campaign(tmp_path: Path, description: Description, make_record: Make) -> Campaign:
    described = replace(description, repeats=3, cells=description.cells[:2])
    return Campaign(create(tmp_path, described), make_record)


def test_each_machine_has_one_block_at_a_time_and_every_planned_run_gets_one_record(campaign: Campaign) -> None:
    machines = Scripted(2, [])
    seen: list[list[int]] = []
    messages = deque([*campaign.block(2, "b"), *campaign.block(1, "a"), *campaign.block(3, "b")])

    def wait() -> Report | Ended:
        seen.append([*machines.begun])
        message = messages.popleft()
        assert not isinstance(message, Exception)
        return message

    machines.wait = wait  # type: ignore[method-assign]
    campaign.run(machines)
    # The third only once the second has ended.
    assert seen == [[1, 2]] * 3 + [[1, 2, 3]] * 6
    assert campaign.kept() == [(2, "b", False)] * 2 + [(1, "a", False)] * 2 + [(3, "b", False)] * 2
    assert runs_left(campaign.folder, campaign.described) == 0
    assert campaign.lines[0].startswith("[1/0] block 2/3 on b: row_by_row_threaded")


def test_a_record_is_on_disk_before_the_next_comes_and_counts_when_its_block_is_whole(campaign: Campaign) -> None:
    first, second = campaign.reports(1, "a", "1")
    states: list[tuple[int, int]] = []

    class Looking(Scripted):
        def wait(self) -> Report | Ended:
            part = campaign.folder.path / "block-1.part"
            lines = part.read_text().splitlines() if part.exists() else []
            states.append((len(lines), len(campaign.folder.records())))
            return super().wait()

    campaign.run(Looking(1, [first, second, Ended(1, "1")]), [1])
    assert states == [(0, 0), (1, 0), (2, 0)]
    assert campaign.kept() == [(1, "a", False)] * 2


def test_a_block_of_a_lost_machine_is_measured_again_as_a_whole_and_its_runs_are_interrupted(
    campaign: Campaign,
) -> None:
    (begun,) = campaign.reports(1, "a", "first", number=1)
    late = campaign.reports(1, "a", "first")[1]
    again = campaign.reports(1, "b", "second")
    # The first machine may only seem to be lost.
    campaign.run(Scripted(2, [begun, again[0], late, again[1], Ended(1, "second")]), [1])
    assert campaign.kept() == [(1, "a", True), (1, "b", False), (1, "b", False)]
    assert "block 1: lost on a after 1 run; b measures it again" in campaign.lines
    assert not list(campaign.folder.path.glob("block-*"))


@pytest.mark.parametrize("stop", [EngineLost("the scheduler of the cluster has gone"), KeyboardInterrupt()])
def test_what_ends_a_campaign_leaves_its_blocks_in_progress_as_interrupted(
    campaign: Campaign, stop: BaseException
) -> None:
    class Stopping(Scripted):
        def wait(self) -> Report | Ended:
            if not self._messages:
                raise stop
            return super().wait()

    with pytest.raises(type(stop)):
        campaign.run(Stopping(2, [*campaign.block(1, "a"), *campaign.reports(2, "b", "2", number=1)]))
    assert campaign.kept() == [(1, "a", False)] * 2 + [(2, "b", True)]
    assert runs_left(campaign.folder, campaign.described) == 4


def test_the_problem_of_a_machine_ends_the_campaign(campaign: Campaign) -> None:
    with pytest.raises(Failure, match="machine a: the disk is full"):
        campaign.run(Scripted(1, [Ended(1, problem=Failure("machine a: the disk is full"))]))


@pytest.mark.parametrize(("changes", "block"), [({"cell_key": "sha256:other"}, 1), ({"block": 4}, 4), ({}, 2)])
def test_a_record_that_is_not_of_the_plan_is_refused(
    campaign: Campaign, changes: dict[str, object], block: int
) -> None:
    record = replace(campaign.records(block)[0], **changes)  # type: ignore[arg-type]
    with pytest.raises(Failure, match="machine a: sent the record of a run that is not planned"):
        campaign.run(Scripted(1, [Report("record", to_json_line(record), "a", 1, "1")]), [1])


def test_a_block_that_ends_without_its_records_is_no_result(campaign: Campaign) -> None:
    with pytest.raises(Failure, match="block 1: its records have not come"):
        campaign.run(Scripted(1, [Ended(1, "1")]), [1])


def test_what_machines_tell_sample_and_describe_goes_where_it_belongs(campaign: Campaign) -> None:
    kinds: list[tuple[Kind, str]] = [("tell", "preparing data ny"), ("described", "{}"), ("samples", '{"schema": 1}')]
    others = [Report(kind, text, "a", 1, "1") for kind, text in kinds]
    campaign.run(Scripted(1, [*others, *campaign.block(1, "a")]), [1], resumed=True)
    assert campaign.lines[0] == "a: preparing data ny"
    assert campaign.admitted == [("a", "{}")]
    assert json.loads((campaign.folder.path / "samples.jsonl").read_text()) == {"schema": 1}
    assert all(record.resumed for record in campaign.folder.records())


def test_of_a_large_cluster_the_harness_spends_little_on_a_record(
    tmp_path: Path, description: Description, make_record: Make
) -> None:
    blocks, number = 100, 64
    cells: tuple[ShownCell, ...] = description.cells[:2]
    campaign = Campaign(create(tmp_path, replace(description, repeats=blocks, cells=cells)), make_record)
    chance = random.Random(1)

    class Simulated(Scripted):
        """Machines that have their blocks at the same time, and each send the next of their messages at random."""

        def begin(self, block: int) -> None:
            self.under_way.append(deque(campaign.block(block, f"m{block % number}")))

        def wait(self) -> Report | Ended:
            block = chance.choice(self.under_way)
            message = block.popleft()
            if not block:
                self.under_way.remove(block)
            assert not isinstance(message, Exception)
            return message

        under_way: list[deque[Message]]

    machines = Simulated(number, [])
    machines.under_way = []
    began_s = time.monotonic()
    campaign.run(machines, range(1, blocks + 1))
    spent_s = time.monotonic() - began_s
    records = campaign.folder.records()
    assert {record.run for record in records} == campaign.described.planned_runs
    assert len({record.machine for record in records}) == number
    # Ten milliseconds are asked for; a busy disk may take longer.
    assert spent_s / len(records) < 0.1
