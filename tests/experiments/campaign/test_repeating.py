"""Simulated campaigns with a neighbour that comes and goes: repeating disturbed runs biases no ratio.

The campaign's own loop decides what is repeated, and the summary what counts. Fixed seeds, nothing here depends on the
machine.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from experiments.analysis.summary import ExperimentSummary, summarize
from experiments.campaign.loop import Runner, run_blocks
from experiments.campaign.progress import PlainLines
from experiments.campaign.quiet_gate import QuietGate
from experiments.campaign.stopping_rule import PlannedBlocks
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import make_plan
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.folder import CampaignFolder
from experiments.records.record import Host, Record
from tests.experiments.campaign.test_loop import Campaign as PreparedCampaign

BLOCKS = 10
SPREAD = 0.02
"""Of one run, on the log scale."""
STAYS = 0.85
"""Probability that the neighbour is still there, or still away, in the next run: bursts of some 7 runs."""
COMES = 0.03


@dataclass
class Neighbour:
    """A neighbour that costs threads and loops these parts of their rows/s while it is there."""

    costs: tuple[float, float]
    dice: random.Random
    there: bool = False

    def measure(self, ready: Any, begun: Record) -> Record:
        self.there = self.dice.random() < (STAYS if self.there else COMES)
        cost = self.costs["asyncio" in begun.cell.loader] if self.there else 0.0
        rows_per_s = 10_000 * (1 - cost) * math.exp(self.dice.gauss(0, SPREAD))
        host = Host(steal_s=0.0, foreign_cpu_s=2.0 * self.there, observed_s=2.0, cores=2)
        return replace(begun, status="ok", reason=None, interrupted=False, rows_per_s=rows_per_s, host=host)


class Memory:
    """A campaign's folder that keeps its records in memory."""

    def __init__(self) -> None:
        self.path = Path("simulated")
        self.kept: list[Record] = []

    def begin_attempt(self, if_killed: Record) -> None:
        pass

    def append(self, record: Record) -> None:
        self.kept.append(record)

    def records(self) -> list[Record]:
        return self.kept


Simulate = Callable[..., list[ExperimentSummary]]


@pytest.fixture
def simulate(threaded: Cell, uvloop_cell: Cell, description: Description) -> Simulate:
    """Simulates campaigns of a baseline, twice, and a loop that is as fast."""
    experiments = ("loaders",)
    planned = [PlannedCell(threaded, "a", experiments), PlannedCell(threaded, "b", experiments)]
    planned.append(PlannedCell(uvloop_cell, "a", experiments))
    prepared = PreparedCampaign(cast(CampaignFolder, None), threaded, uvloop_cell)
    shown = tuple(ShownCell(prepared.keys[one.cell], one.arm, experiments, one.cell) for one in planned)
    described = replace(description, cells=shown, repeats=BLOCKS, placements={})
    reporter = PlainLines(lambda line: None)

    def campaigns(number: int, costs: tuple[float, float], *, patience_s: float) -> list[ExperimentSummary]:
        summaries = []
        for seed in range(number):
            memory, neighbour = Memory(), Neighbour(costs, random.Random(seed))
            gate = QuietGate(patience_s, reporter.tell, look=lambda prepared, window_s: None)
            runner = Runner(cast(CampaignFolder, memory), neighbour.measure, reporter, PlannedBlocks(BLOCKS), gate)
            plan = make_plan(planned, BLOCKS, seed)
            cells = {one.cell: prepared.cells[one.cell] for one in planned}
            run_blocks(plan, cells, prepared.keys, runner)
            summaries.append(summarize(Campaign(described, memory.kept), description.experiments[0]))
        return summaries

    return campaigns


def logs_of(summaries: Sequence[ExperimentSummary]) -> list[float]:
    return [math.log(cell.ratio.value) for one in summaries for cell in one.cells[2:] if cell.ratio]


def mean_and_error(logs: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum((log - mean) ** 2 for log in logs) / (len(logs) - 1)
    return mean, math.sqrt(variance / len(logs))


def test_a_neighbour_that_costs_all_alike_biases_no_ratio_and_repeating_makes_it_less_noisy(simulate: Simulate) -> None:
    costs = (0.2, 0.2)
    mean, error = mean_and_error(logs_of(simulate(100, costs, patience_s=60.0)))
    assert abs(mean) < 3.5 * error
    _, without = mean_and_error(logs_of(simulate(100, costs, patience_s=0.0)))
    assert error < without


def test_of_a_neighbour_that_costs_loops_more_repeating_leaves_less(simulate: Simulate) -> None:
    costs = (0.05, 0.25)
    repeated, _ = mean_and_error(logs_of(simulate(100, costs, patience_s=60.0)))
    without, _ = mean_and_error(logs_of(simulate(100, costs, patience_s=0.0)))
    assert without < -0.02
    assert repeated > 0.5 * without


@pytest.mark.parametrize("costs", [(0.0, 0.0), (0.2, 0.2), (0.05, 0.25)])
def test_equal_loaders_are_called_different_in_at_most_one_of_eighteen_campaigns(
    costs: tuple[float, float], simulate: Simulate
) -> None:
    summaries = simulate(200, costs, patience_s=60.0)
    false = sum(cell.noise is False for one in summaries for cell in one.cells)
    assert false / len(summaries) <= 0.055
