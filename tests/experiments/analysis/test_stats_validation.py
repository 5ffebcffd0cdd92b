"""Simulated campaigns: what the intervals and marks of ``stats`` are worth in noise of several kinds.

Fixed seeds, so nothing here depends on the machine. The bounds are those that the statistics promise; what a kind of
noise may cost beyond them stands in the test that shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.analysis.stats import (
    Estimate,
    adjust_holm,
    estimate_ratio,
    estimate_unpaired_ratio,
    is_noise,
    noise_floor,
)
from experiments.matrix.spec import load_matrix
from tests.project import ROOT

Logs = NDArray[np.float64]
Noise = Callable[[np.random.Generator, int, int], Logs]
"""Of so many campaigns with so many runs: what is added to the logarithm of each run's rows/s, in order of time."""

MATRIX = ROOT / "matrix.yaml"
BLOCKS = 10
CELLS = 10
"""Of a campaign, arms included: so many runs are shuffled within each block."""
SPREAD = 0.02
"""Of one run, on the log scale."""
SLOWDOWN = math.log(0.95)


def normal(rng: np.random.Generator, campaigns: int, runs: int) -> Logs:
    return rng.normal(0, SPREAD, (campaigns, runs))


def heavy_tailed(rng: np.random.Generator, campaigns: int, runs: int) -> Logs:
    """Student's t with 3 degrees of freedom, whose standard deviation is the square root of 3."""
    return rng.standard_t(3, (campaigns, runs)) * SPREAD / math.sqrt(3)


def drifting(rng: np.random.Generator, campaigns: int, runs: int) -> Logs:
    """Slower by 20% at the end than at the beginning."""
    return normal(rng, campaigns, runs) + np.linspace(0, math.log(0.8), runs)


def with_bursts(runs_per_burst: int) -> Noise:
    """Foreign load that begins at random times and slows some 4 runs in a row by 20% to 30%."""

    def noise(rng: np.random.Generator, campaigns: int, runs: int) -> Logs:
        logs = normal(rng, campaigns, runs)
        for campaign, start in zip(*(rng.random(logs.shape) < 1 / runs_per_burst).nonzero(), strict=True):
            logs[campaign, start : start + rng.geometric(1 / 4)] += math.log(1 - rng.uniform(0.2, 0.3))
        return logs

    return noise


def noisy_neighbour(rng: np.random.Generator, campaigns: int, runs: int) -> Logs:
    """As measured on a shared virtual machine: 11% per run, autocorrelation 0.7, 0.5, 0.4, 0.25 at lags 1, 2, 4, 8."""
    fast, slow = (_autoregressive(rng, campaigns, runs, coefficient) for coefficient in (0.52, 0.933))
    return 0.11 * (math.sqrt(0.57) * fast + math.sqrt(0.43) * slow)


def _autoregressive(rng: np.random.Generator, campaigns: int, runs: int, coefficient: float) -> Logs:
    values = rng.normal(size=(campaigns, runs))
    for run in range(1, runs):
        values[:, run] = coefficient * values[:, run - 1] + math.sqrt(1 - coefficient**2) * values[:, run]
    return values


KINDS: dict[str, Noise] = {
    "normal": normal,
    "heavy-tailed": heavy_tailed,
    "drift": drifting,
    "bursts": with_bursts(200),
    "many bursts": with_bursts(50),
    "noisy neighbour": noisy_neighbour,
}
AS_PROMISED = ["normal", "heavy-tailed", "drift", "bursts"]
SEEDS = (1, 2)


def shuffled(rng: np.random.Generator, noise: Logs, cells: int = CELLS) -> Logs:
    """The noise of every cell by campaign, block and cell: each block runs its cells in an order of its own."""
    campaigns, runs = noise.shape
    blocks = noise.reshape(campaigns, runs // cells, cells)
    return rng.permuted(blocks, axis=2)


def ratio_of(cell: Logs, baseline: Logs) -> Estimate:
    ratio = estimate_ratio(dict(enumerate(np.exp(cell).tolist())), dict(enumerate(np.exp(baseline).tolist())))
    assert ratio is not None
    return ratio


def holds(ratio: Estimate, true_log: float) -> bool:
    assert ratio.low is not None
    assert ratio.high is not None
    return ratio.low <= math.exp(true_log) <= ratio.high


@dataclass(frozen=True)
class Rates:
    """Parts of the simulated comparisons."""

    coverage: float
    """The interval of a ratio that is truly 1 holds 1; the rest are false positives before Holm and floor."""
    found: float
    """The interval of a slowdown of 5% does not hold 1."""
    told_apart: float
    """The table marks it as different: floor and interval."""
    falsely_told_apart: float


@cache
def simulate(kind: str, seed: int, campaigns: int = 1_000) -> Rates:
    """Simulate campaigns with a baseline twice (cells 0 and 1), and others of the same speed and of 5% less."""
    rng = np.random.default_rng([seed, *kind.encode()])
    logs = shuffled(rng, KINDS[kind](rng, campaigns, BLOCKS * CELLS))
    counts = np.zeros((campaigns, 4))
    for place, campaign in enumerate(logs):
        baseline = campaign[:, 0]
        floor = noise_floor(ratio_of(campaign[:, 1], baseline))
        same = [ratio_of(campaign[:, cell], baseline if cell == 2 else campaign[:, cell - 1]) for cell in (2, 4, 6, 8)]
        slow = ratio_of(campaign[:, 3] + SLOWDOWN, baseline)
        found = (not holds(slow, 0), not is_noise(slow, floor), not is_noise(same[0], floor))
        counts[place] = [sum(holds(ratio, 0) for ratio in same) / len(same), *found]
    return Rates(*counts.mean(axis=0).tolist())


def rates(kind: str) -> Rates:
    """Over several seeds, so that no bound holds by the luck of one."""
    parts = [simulate(kind, seed) for seed in SEEDS]
    coverage, found, told_apart, falsely = (
        math.fsum(getattr(part, name) for part in parts) / len(parts)
        for name in ("coverage", "found", "told_apart", "falsely_told_apart")
    )
    return Rates(coverage, found, told_apart, falsely)


def test_the_simulated_campaigns_have_as_many_blocks_as_the_shipped_matrix() -> None:
    assert load_matrix(MATRIX).repeats == BLOCKS


@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_covers_the_truth_as_often_as_it_says(kind: str) -> None:
    # Found: 95.0% to 95.7%, in many bursts 96.2%; the standard error of the simulation is 0.3%.
    assert 0.93 <= rates(kind).coverage <= 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_compared_with_itself_seldom_differs_significantly(kind: str) -> None:
    # Found: 3.8% (many bursts) to 5.0% (noisy neighbour).
    assert 1 - rates(kind).coverage <= 0.055


@pytest.mark.parametrize("kind", KINDS)
def test_with_the_noise_floor_in_the_way_it_is_marked_even_less(kind: str) -> None:
    # Found: 1.3% to 1.9%.
    assert rates(kind).falsely_told_apart <= 0.025


@pytest.mark.parametrize("kind", AS_PROMISED)
def test_a_slowdown_of_five_percent_is_found_in_two_percent_of_noise(kind: str) -> None:
    # Found: 99.4% to 99.7%; with a burst in 200 runs 97.4%.
    assert rates(kind).found >= 0.95


@pytest.mark.parametrize("kind", AS_PROMISED)
def test_the_noise_floor_hides_it_seldom(kind: str) -> None:
    # Found: 98.5% to 99.4%; with a burst in 200 runs 95.9%.
    assert rates(kind).told_apart >= 0.95


def test_what_many_bursts_and_a_noisy_neighbour_cost_is_power_not_truth() -> None:
    # Where 7% of all runs are hit, 85% by the interval, and 76% with the floor of a baseline that was hit as well.
    assert 0.8 <= rates("many bursts").found < 0.95
    # In noise of 11% per run ten blocks do not show 5%: they show 20%.
    assert rates("noisy neighbour").found < 0.5


@cache
def simulate_pairs(kind: str, blocks: tuple[int, int]) -> tuple[float, float]:
    """How often a cell differs between two campaigns (``compare``), where it is the same and where it is 5% slower."""
    campaigns = 1_000
    rng = np.random.default_rng([5, *blocks, *kind.encode()])
    logs = [shuffled(rng, KINDS[kind](rng, campaigns, number * CELLS)) for number in blocks]
    ratios_a, ratios_b = (campaign[:, :, 1] - campaign[:, :, 0] for campaign in logs)
    return _part_that_differs(ratios_a, ratios_b), _part_that_differs(ratios_a, ratios_b + SLOWDOWN)


def _part_that_differs(ratios_a: Logs, ratios_b: Logs) -> float:
    found = [estimate_unpaired_ratio(a, b) for a, b in zip(ratios_a.tolist(), ratios_b.tolist(), strict=True)]
    return sum(one is not None and one.p_value is not None and one.p_value < 0.05 for one in found) / len(found)


@pytest.mark.parametrize("blocks", [(5, 5), (10, 10), (10, 14)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_equal_campaigns_seldom_differ_significantly(kind: str, blocks: tuple[int, int]) -> None:
    # Found: 2.6% to 5.8%, with a standard error of 0.7%; over all kinds 3.8% (5 blocks) to 4.5% (10).
    assert simulate_pairs(kind, blocks)[0] <= 0.065
    assert np.mean([simulate_pairs(kind, blocks)[0] for kind in KINDS]) <= 0.055


@pytest.mark.parametrize(
    ("kind", "least"), [("normal", 0.92), ("heavy-tailed", 0.95), ("drift", 0.88), ("bursts", 0.85)]
)
def test_a_cell_that_is_five_percent_slower_in_the_second_campaign_is_found(kind: str, least: float) -> None:
    # The difference of two campaigns has the noise of both. Found: 95%, 99%, 93% and 91%.
    assert simulate_pairs(kind, (10, 10))[1] >= least


def verdicts(campaign: Logs, true_logs: list[float]) -> list[str]:
    """What a table says of each cell behind the baseline's two arms, Holm's adjustment included."""
    baseline = campaign[:, 0]
    floor = noise_floor(ratio_of(campaign[:, 1], baseline))
    ratios = [ratio_of(campaign[:, 2 + cell] + true_log, baseline) for cell, true_log in enumerate(true_logs)]
    adjusted = adjust_holm([ratio.p_value for ratio in ratios])
    return [
        "not told apart" if is_noise(ratio, floor, p) else "faster" if ratio.value > 1 else "slower"
        for ratio, p in zip(ratios, adjusted, strict=True)
    ]


def test_a_drift_of_twenty_percent_hides_no_difference_reverses_none_and_makes_few() -> None:
    true_logs = [math.log(ratio) for ratio in (0.8, 0.9, 1, 1, 1.1, 1.25)]
    cells, campaigns = 2 + len(true_logs), 400
    rng = np.random.default_rng(2014)
    noise = normal(rng, campaigns, BLOCKS * cells)
    drift = np.linspace(0, math.log(0.8), BLOCKS * cells)
    order = int(rng.integers(2**32))
    steady, drifted = (shuffled(np.random.default_rng(order), logs, cells) for logs in (noise, noise + drift))
    pairs = [(verdicts(a, true_logs), verdicts(b, true_logs)) for a, b in zip(steady, drifted, strict=True)]
    changed = [sum(a[cell] != b[cell] for a, b in pairs) for cell in range(len(true_logs))]
    assert not any({a[cell], b[cell]} == {"faster", "slower"} for a, b in pairs for cell in range(len(true_logs)))
    true_differences, equals = [changed[cell] for cell in (0, 1, 4, 5)], [changed[cell] for cell in (2, 3)]
    assert true_differences == [0, 0, 0, 0]
    # Of two equal cells' 800 verdicts 12 change, all at the border of a mark: the drift of 2% within a block is noise,
    # too. None becomes the opposite.
    assert sum(equals) <= 0.02 * 2 * campaigns


@pytest.mark.parametrize(("kind", "precision"), [("normal", 0.015), ("bursts", 0.015), ("noisy neighbour", 0.06)])
def test_adding_blocks_until_the_interval_is_narrow_costs_two_percent_of_its_coverage(
    kind: str, precision: float
) -> None:
    """The worst case: one ratio decides alone, at the precision where most stop between the first block and the last.

    It stops sooner where the spread happens to look small.
    """
    campaigns, most_blocks = 500, 40
    rng = np.random.default_rng([4, *kind.encode()])
    logs = shuffled(rng, KINDS[kind](rng, campaigns, most_blocks * CELLS))
    # Found with these seeds: 93.2%, 93.4%, 94.0%, with a standard error of 1%.
    covered = [holds(_stopped(campaign[:, 0], campaign[:, 1], precision), 0) for campaign in logs]
    assert 0.91 <= np.mean(covered) <= 0.965


def _stopped(cell: Logs, baseline: Logs, precision: float) -> Estimate:
    for blocks in range(BLOCKS, len(cell)):
        ratio = ratio_of(cell[:blocks], baseline[:blocks])
        assert ratio.low is not None
        assert ratio.high is not None
        if math.sqrt(ratio.high / ratio.low) - 1 < precision:
            return ratio
    return ratio_of(cell, baseline)
