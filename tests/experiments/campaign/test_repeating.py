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
from experiments.campaign.prepared_cell import PreparedCell
from experiments.campaign.progress import PlainLines
from experiments.campaign.quiet_gate import QuietGate
from experiments.campaign.stopping_rule import PlannedBlocks
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import PlannedRun, make_plan
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.folder import CampaignFolder
from experiments.records.record import Host, Record
from tests.experiments.campaign.test_loop import Campaign as PreparedCampaign

CAMPAIGNS = 36
BLOCKS = 10
LOOPS = 8
SPREAD = 0.02
"""Of one run, on the log scale."""
STAYS = 0.85
"""Probability that the neighbour is still there, or still away, in the next run: bursts of some 7 runs."""
COMES = 0.03


@dataclass
class Neighbour:
    """A neighbour that costs threads and loops these parts of their rows/s while it is there; the machine may drift."""

    costs: tuple[float, float]
    dice: random.Random
    drift: float = 0.0
    there: bool = False
    runs: int = 0

    def measure(self, ready: Any, begun: Record) -> Record:
        self.runs += 1
        self.there = self.dice.random() < (STAYS if self.there else COMES)
        cost = self.costs["asyncio" in begun.cell.loader] if self.there else 0.0
        rows_per_s = 10_000 * (1 - cost) * math.exp(self.dice.gauss(0, SPREAD) - self.drift * self.runs)
        host = Host(steal_s=0.0, foreign_cpu_s=2.0 * self.there, observed_s=2.0, cores=2)
        return replace(begun, status="ok", reason=None, interrupted=False, rows_per_s=rows_per_s, host=host)


class Silent(PlainLines):
    """Says nothing: lines that nobody reads took a fifth of the time."""

    def begin_run(self, run: PlannedRun, block: str, budget: str = "") -> None:
        pass

    def end_run(self, record: Record, label: str | None = None) -> None:
        pass


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


@pytest.fixture(scope="module")
def simulated() -> dict[tuple[object, ...], list[ExperimentSummary]]:
    """What was simulated before, for several tests of the same campaigns."""
    return {}


@pytest.fixture
def simulate(
    threaded: Cell,
    uvloop_cell: Cell,
    description: Description,
    simulated: dict[tuple[object, ...], list[ExperimentSummary]],
) -> Simulate:
    """Simulates campaigns of a baseline, twice, and of loops with several pools, which all are as fast."""
    experiments, pools = ("loaders",), range(1, LOOPS + 1)
    planned = [PlannedCell(threaded, "a", experiments), PlannedCell(threaded, "b", experiments)]
    planned += [PlannedCell(replace(uvloop_cell, poolsize=pool), "a", experiments) for pool in pools]
    prepared = PreparedCampaign(cast(CampaignFolder, None), threaded, uvloop_cell)
    keys = {one.cell: f"sha256:{one.cell.loader}-{one.cell.poolsize}" for one in planned}
    ready = cast(PreparedCell, prepared.cells[threaded])
    cells = {cell: replace(ready, cell=cell, key=key) for cell, key in keys.items()}
    shown = tuple(ShownCell(keys[one.cell], one.arm, experiments, one.cell) for one in planned)
    described = replace(description, cells=shown, repeats=BLOCKS, placements={})
    reporter = Silent(lambda line: None)

    def summary_of(seed: int, costs: tuple[float, float], patience_s: float, drift: float) -> ExperimentSummary:
        memory, neighbour = Memory(), Neighbour(costs, random.Random(seed), drift)
        # No time passes, so that patience lasts.
        gate = QuietGate(patience_s, reporter.tell, look=lambda prepared, window_s: None, clock=lambda: 0.0)
        runner = Runner(cast(CampaignFolder, memory), neighbour.measure, reporter, PlannedBlocks(BLOCKS), gate)
        run_blocks(make_plan(planned, BLOCKS, seed), cells, keys, runner)
        return summarize(Campaign(described, memory.kept), description.experiments[0])

    def campaigns(costs: tuple[float, float], *, patience_s: float, drift: float = 0.0) -> list[ExperimentSummary]:
        asked = (costs, patience_s, drift)
        if asked not in simulated:
            simulated[asked] = [summary_of(seed, *asked) for seed in range(CAMPAIGNS)]
        return simulated[asked]

    return campaigns


def logs_of(summaries: Sequence[ExperimentSummary]) -> list[float]:
    """The mean of the loops' logarithmic ratios in each campaign."""
    ratios = [[math.log(cell.ratio.value) for cell in one.cells[2:] if cell.ratio] for one in summaries]
    return [math.fsum(logs) / len(logs) for logs in ratios]


def mean_and_error(logs: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum((log - mean) ** 2 for log in logs) / (len(logs) - 1)
    return mean, math.sqrt(variance / len(logs))


@pytest.mark.parametrize("drift", [0.0, 0.004])
def test_a_neighbour_that_costs_all_alike_biases_no_ratio(drift: float, simulate: Simulate) -> None:
    repeated = logs_of(simulate((0.2, 0.2), patience_s=60.0, drift=drift))
    without = logs_of(simulate((0.2, 0.2), patience_s=0.0, drift=drift))
    (mean, error), (plain, _) = mean_and_error(repeated), mean_and_error(without)
    assert abs(mean) < 3 * error + abs(plain)
    assert abs(mean) < 0.008


def test_of_a_neighbour_that_costs_loops_more_repeating_leaves_less(simulate: Simulate) -> None:
    costs = (0.05, 0.25)
    repeated, _ = mean_and_error(logs_of(simulate(costs, patience_s=60.0)))
    without, _ = mean_and_error(logs_of(simulate(costs, patience_s=0.0)))
    assert without < -0.02
    assert repeated > 0.5 * without


@pytest.mark.parametrize("drift", [0.0, 0.004])
@pytest.mark.parametrize("costs", [(0.0, 0.0), (0.2, 0.2), (0.05, 0.25)])
def test_of_equal_loaders_at_most_one_campaign_in_eighteen_calls_any_different(
    costs: tuple[float, float], drift: float, simulate: Simulate
) -> None:
    summaries = simulate(costs, patience_s=60.0, drift=drift)
    false = sum(any(cell.noise is False for cell in one.cells) for one in summaries)
    assert false / len(summaries) <= 0.055
