"""Running what a command asks for, once everything is prepared."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from experiments.campaign.datasets import PreparedData
from experiments.campaign.monitoring.monitor import WriteSamples
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.progress import PlainLines
from experiments.campaign.resume import is_finished
from experiments.campaign.start import Order, run_ordered, sample_writer
from experiments.campaign.stopping_rule import Until
from experiments.engines.protocol import LoaderHost, Server
from experiments.errors import Failure
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import make_plan
from experiments.matrix.spec import load_matrix
from experiments.records.description import Description
from experiments.records.facts import Placement
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record
from tests.project import ROOT

Measure = Callable[[PreparedCell, Record], Record]
REASON = "sample: FATAL: too many clients"


class Command:
    """A prepared campaign of the baseline in both arms and another loader."""

    def __init__(self, folder: CampaignFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.lines: list[str] = []
        described = folder.description()
        planned = [PlannedCell(shown.cell, "b" if shown.arm == "b" else "a", ("loaders",)) for shown in described.cells]
        self._keys = {shown.cell: shown.cell_key for shown in described.cells}
        self._cells: dict[Cell, PreparedCell | str] = {cell: self._ready(cell) for cell in self._keys}
        matrix = replace(load_matrix(ROOT / "matrix.yaml"), patience_s=0.0)
        plan = make_plan(planned, described.repeats, described.seed)
        self.order = Order(matrix, "sha256:m", {}, plan, folder.path.parent, fresh=False)
        self._patch = monkeypatch

    def _ready(self, cell: Cell) -> PreparedCell:
        data = PreparedData(Path("ny"), (), "", 1, 1, 222)
        nothing = cast(LoaderHost, None), cast(Server, None)
        return PreparedCell(cell, self._keys[cell], *nothing, Placement(frozenset(), frozenset()), data, "ny", 120.0)

    def run(self, measure: Measure, *, resumed: bool = False) -> None:
        self.run_keeping(lambda ready, begun, write_samples: measure(ready, begun), resumed=resumed)

    def run_keeping(self, measure: Callable[..., Record], *, resumed: bool = False) -> None:
        self._patch.setattr("experiments.campaign.start.measure", measure)
        reporter = PlainLines(self.lines.append, clock=lambda: 0.0)
        run_ordered(self.order, self.folder, self._cells, self._keys, reporter, resumed=resumed)


@pytest.fixture
def command(tmp_path: Path, description: Description, monkeypatch: pytest.MonkeyPatch) -> Command:
    described = replace(description, repeats=5, cells=description.cells[:3])
    return Command(create(tmp_path, described), monkeypatch)


def at(rows_per_s: float) -> Measure:
    def measure(ready: PreparedCell, begun: Record) -> Record:
        return replace(begun, status="ok", reason=None, interrupted=False, rows_per_s=rows_per_s, wall_s=2.0)

    return measure


def stopping_after(runs: int, stop: BaseException) -> Measure:
    left = [stop, *[None] * runs]

    def measure(ready: PreparedCell, begun: Record) -> Record:
        if (now := left.pop()) is not None:
            raise now
        return at(10_000.0)(ready, begun)

    return measure


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Failure("the server has gone"), OSError(errno.ENOMEM, "memory")])
def test_what_has_not_run_is_said_when_a_campaign_is_ended_too_early(command: Command, stop: BaseException) -> None:
    with pytest.raises(type(stop)):
        command.run(stopping_after(4, stop))
    assert command.lines[-1] == "not run yet: 11 of 15 planned runs; rerun the same command to resume"
    assert [record.interrupted for record in command.folder.records()] == [False] * 4 + [True]


def test_a_campaign_that_has_run_is_finished_only_once_its_tables_are_written(command: Command) -> None:
    command.run(at(10_000.0))
    described = command.folder.description()
    assert not is_finished(command.folder, described)
    command.folder.set_reported(True)
    assert is_finished(command.folder, described)


def test_a_whole_campaign_says_nothing_of_that(command: Command) -> None:
    command.run(at(10_000.0))
    assert len(command.lines) == len(command.folder.records()) == 15
    assert command.lines[-1].startswith("[15/15] block 5/5: ")


def test_why_connections_are_not_watched_is_said_once_and_kept_for_each_run(command: Command) -> None:
    def measure(ready: PreparedCell, begun: Record, write_samples: WriteSamples) -> Record:
        write_samples({"schema": 1, "block": begun.block, "reason": REASON})
        return at(10_000.0)(ready, begun)

    command.run_keeping(measure)
    said = [line for line in command.lines if not line.startswith("[")]
    assert said == [
        "warning: connections are not sampled: sample: FATAL: too many clients; "
        "samples.jsonl has the reason for each run"
    ]
    kept = (command.folder.path / "samples.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in kept] == [REASON] * 15


def test_nothing_is_said_of_samples_that_there_are(command: Command) -> None:
    sample_writer(command.folder, command.lines.append)({"schema": 1, "reason": None, "phases": {}})
    assert command.lines == []


def test_a_campaign_that_goes_on_does_so_with_the_blocks_that_were_added_and_the_budget_of_now(
    command: Command,
) -> None:
    described = command.folder.description()
    command.folder.rewrite(replace(described, repeats=6, until={"precision": 0.05, "budget_s": 60.0}))
    command.order = replace(command.order, until=Until(0.05, 7200.0))
    with pytest.raises(KeyboardInterrupt):
        command.run(stopping_after(16, KeyboardInterrupt()), resumed=True)
    assert command.lines[15].startswith("[16/18] block 6 (until 5%): ")
    assert command.lines[15].endswith(", 2 h 00 min of the budget left")
    assert command.folder.description().until == {"precision": 0.05, "budget_s": 7200.0}
    command.run(at(10_000.0), resumed=True)
    assert command.folder.description().until == {"precision": 0.05, "budget_s": 7200.0, "ended": "precise"}
    assert len({record.run for record in command.folder.records() if not record.interrupted}) == 18
    # All runs were equally fast, so the six blocks were enough.
    assert command.folder.description().repeats == 6
