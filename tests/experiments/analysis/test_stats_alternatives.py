"""What else ``stats`` could do, in the campaigns of test_stats_validation: each of these is worse where it counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtrit

from tests.experiments.analysis.test_stats_validation import AS_PROMISED, BLOCKS, CELLS, KINDS, SLOWDOWN, Logs, shuffled

CAMPAIGNS = 20_000
Test = Callable[[Logs], tuple[Logs, Logs]]
"""Of so many campaigns with so many blocks of log ratios: the mean of each and how far its interval reaches."""


def plain(logs: Logs) -> tuple[Logs, Logs]:
    blocks = logs.shape[1]
    return logs.mean(axis=1), stdtrit(blocks - 1, 0.975) * logs.std(axis=1, ddof=1) / np.sqrt(blocks)


def trimmed_with(lost: int) -> Test:
    """The 10% trimmed mean, with the degrees of freedom of its counted values less these."""

    def test(logs: Logs) -> tuple[Logs, Logs]:
        blocks = logs.shape[1]
        left_out = blocks // 10
        ordered = np.sort(logs, axis=1)
        counted = ordered[:, left_out : blocks - left_out]
        moved = np.clip(ordered, counted[:, :1], counted[:, -1:])
        error = moved.std(axis=1, ddof=1) * np.sqrt(blocks) / counted.shape[1]
        return counted.mean(axis=1), stdtrit(counted.shape[1] - lost, 0.975) * error

    return test


USED = trimmed_with(2)
TUKEY_MCLAUGHLIN = trimmed_with(1)


@cache
def ratios(kind: str) -> tuple[Logs, Logs]:
    """Log ratios of campaigns, by block: of an equal cell, and of the baseline's second arm."""
    rng = np.random.default_rng([6, *kind.encode()])
    logs = shuffled(rng, KINDS[kind](rng, CAMPAIGNS, BLOCKS * CELLS))
    return logs[:, :, 2] - logs[:, :, 0], logs[:, :, 1] - logs[:, :, 0]


def differing(test: Test, logs: Logs) -> float:
    mean, reach = test(logs)
    return float((np.abs(mean) > reach).mean())


def told_apart(logs: Logs, again: Logs, floor_of: Callable[[Logs, Logs], Logs]) -> float:
    """How often it differs significantly and by more than the floor: one made of mean and reach of an A/A ratio."""
    mean, reach = USED(logs)
    return float(((np.abs(mean) > reach) & (np.abs(mean) > floor_of(*USED(again)))).mean())


def used_floor(mean: Logs, reach: Logs) -> NDArray[np.float64]:
    return np.maximum(reach, np.abs(mean))


def wide_floor(mean: Logs, reach: Logs) -> NDArray[np.float64]:
    """The end of the interval that is further from 1."""
    return np.abs(mean) + reach


@pytest.mark.parametrize("kind", ["bursts", "many bursts"])
def test_the_plain_t_test_finds_less_in_bursts(kind: str) -> None:
    slower = ratios(kind)[0] + SLOWDOWN
    assert differing(plain, slower) < differing(USED, slower) - 0.02


@pytest.mark.parametrize("kind", ["normal", "heavy-tailed", "drift"])
def test_and_hardly_more_elsewhere(kind: str) -> None:
    slower = ratios(kind)[0] + SLOWDOWN
    assert abs(differing(plain, slower) - differing(USED, slower)) < 0.015


def test_one_more_degree_of_freedom_makes_too_many_equal_cells_differ() -> None:
    # Where tails are light: heavy ones make fewer of them differ, whatever the test. Found: 5.4% and 4.9%.
    used, one_more = (
        np.mean([differing(test, ratios(kind)[0]) for kind in ("normal", "drift", "noisy neighbour")])
        for test in (USED, TUKEY_MCLAUGHLIN)
    )
    assert used < 0.0505
    assert one_more > 0.0525


@pytest.mark.parametrize("kind", AS_PROMISED)
def test_a_floor_of_the_whole_interval_hides_more(kind: str) -> None:
    equal, again = ratios(kind)
    slower = equal + SLOWDOWN
    assert told_apart(slower, again, wide_floor) < told_apart(slower, again, used_floor) - 0.01
    assert told_apart(equal, again, used_floor) < 0.025
