from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.effects import Combination, Effects, find_effects
from experiments.analysis.factors import Factor, Level
from experiments.analysis.stats import adjust_holm

LOADER = Factor(("loader",), (("threads",), ("tasks",)))
POOL = Factor(("poolsize",), ((1,), (5,), (20,)))
PYTHON = Factor(("python",), (("3.9",), ("3.14",)))

SMALL = st.floats(-1, 1).map(lambda number: round(number, 3))


def block(factors: Sequence[Factor], shift: float = 0.0, **effects: float) -> dict[Combination, float]:
    """A table without noise: the sum of the effects of its levels' names, such as tasks=0.1 or tasks_20=0.3."""
    table = {}
    for cell in itertools.product(*(factor.levels for factor in factors)):
        names = [str(level[0]) for level in cell]
        wholes = ["_".join(some) for size in (1, 2, 3) for some in itertools.combinations(names, size)]
        table[cell] = shift + math.fsum(effects.get(name, 0.0) for name in wholes)
    return table


def centred(values: Sequence[float]) -> list[float]:
    return [value - math.fsum(values) / len(values) for value in values]


def test_effects_without_noise_are_recovered_exactly_whatever_the_blocks_shift() -> None:
    values = {"threads": 0.1, "tasks": -0.1, "1": -0.6, "5": 0.2, "20": 0.4}
    effects = find_effects([LOADER, POOL], [block([LOADER, POOL], shift, **values) for shift in (0, 3, 5, -1, 2)])
    loader, pool = effects.factors
    assert [math.log(level.value) for level in loader.levels.values()] == pytest.approx([0.1, -0.1])
    assert [math.log(level.value) for level in pool.levels.values()] == pytest.approx([-0.6, 0.2, 0.4])
    assert (pool.best, pool.worst) == ((20,), (1,))
    assert math.log(pool.span.value) == pytest.approx(1.0)
    # Over the 6 cells: 6 * 0.01 of the loader, 2 * (0.36 + 0.04 + 0.16) of the pool.
    assert (loader.share, pool.share) == pytest.approx((0.06 / 1.18, 1.12 / 1.18))
    assert effects.interactions[0].share == pytest.approx(0)
    assert effects.interactions[0].p_value == 1.0
    assert (loader.p_value, pool.p_value) == (0, 0)
    assert effects.noise_share == pytest.approx(0)


def test_an_interaction_is_what_two_levels_do_beyond_each_alone() -> None:
    effects = find_effects([LOADER, PYTHON], [block([LOADER, PYTHON], **{"tasks_3.14": 0.4})] * 5)
    interaction = effects.interactions[0]
    # 0.4 in one of four cells: 0.1 of the mean, 0.1 of each factor, and 0.1 left, in all cells with either sign.
    assert abs(math.log(interaction.largest.value)) == pytest.approx(0.1)
    assert [effect.share for effect in effects.factors] == pytest.approx([1 / 3, 1 / 3])
    assert interaction.share == pytest.approx(1 / 3)


def test_what_only_three_factors_do_together_is_no_share_of_two() -> None:
    effects = find_effects([LOADER, POOL, PYTHON], [block([LOADER, POOL, PYTHON], **{"tasks_20_3.14": 1.0})] * 5)
    shares = [effect.share for effect in effects.factors] + [effect.share for effect in effects.interactions]
    assert len(effects.interactions) == 3
    assert effects.higher is not None
    assert effects.higher.share == pytest.approx(1 - math.fsum(shares))
    assert effects.higher.p_value == 0
    # 1 in one of 12 cells: 1/12 of mean, of 1 - 1/12 in all (2 - 1)(3 - 1)(2 - 1) / 12 are the three together.
    assert effects.higher.share == pytest.approx((2 / 12) / (11 / 12))


def test_where_two_factors_at_a_time_explain_all_nothing_is_left_for_three() -> None:
    values = {"tasks": 0.1, "20": 0.3, "3.14": 0.7, "tasks_20": 0.2}
    effects = find_effects([LOADER, POOL, PYTHON], [block([LOADER, POOL, PYTHON], **values)] * 5)
    assert effects.higher is not None
    assert (effects.higher.share, effects.higher.p_value) == (0, 1)


def test_cells_that_are_all_the_same_explain_nothing() -> None:
    effects = find_effects([LOADER, POOL], [block([LOADER, POOL], shift) for shift in range(5)])
    assert [effect.share for effect in effects.factors] == [0, 0]
    assert [effect.p_value for effect in effects.factors] == [1, 1]
    assert effects.noise_share == 0


def test_fewer_than_five_blocks_give_no_intervals() -> None:
    few, enough = (find_effects([LOADER, POOL], _noisy(blocks)) for blocks in (4, 5))
    assert few.factors[0].span.low is None
    assert enough.factors[0].span.low is not None


@given(st.lists(SMALL, min_size=2, max_size=2), st.lists(SMALL, min_size=3, max_size=3), st.lists(SMALL, min_size=5))
def test_known_main_effects_are_recovered(loader: list[float], pool: list[float], shifts: list[float]) -> None:
    values = dict(zip(("threads", "tasks", "1", "5", "20"), (*loader, *pool), strict=True))
    effects = find_effects([LOADER, POOL], [block([LOADER, POOL], shift, **values) for shift in shifts])
    for effect, known in zip(effects.factors, (loader, pool), strict=True):
        measured = [math.log(level.value) for level in effect.levels.values()]
        assert measured == pytest.approx(centred(known), abs=1e-9)
        assert math.log(effect.span.value) == pytest.approx(max(known) - min(known), abs=1e-9)


@given(st.integers(0, 2**32), st.integers(5, 8))
def test_shares_and_noise_are_parts_of_one_whole(seed: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    cells = block([LOADER, POOL, PYTHON])
    effects = find_effects(
        [LOADER, POOL, PYTHON], [{cell: float(rng.normal()) for cell in cells} for _ in range(blocks)]
    )
    shares = [*(effect.share for effect in effects.every), effects.noise_share]
    assert all(0 <= share <= 1 for share in shares)
    assert math.fsum(shares) == pytest.approx(1)
    assert len(effects.every) == 7


def test_shares_add_up_where_what_noise_should_have_added_is_not_there() -> None:
    # Of the loader and the interaction there is less than noise alone makes on average.
    rng = np.random.default_rng(1)
    made = block([LOADER, POOL], **{"1": -1.0, "20": 1.0})
    blocks = [{cell: log + float(rng.normal(0, 0.8)) for cell, log in made.items()} for _ in range(5)]
    means = {cell: math.fsum(table[cell] for table in blocks) / 5 for cell in made}
    pools = {level: (means[("threads",), level] + means[("tasks",), level]) / 2 for level in POOL.levels}
    # Its cells' means are moved to what the pool alone makes of them.
    alike = [{cell: log - means[cell] + pools[cell[1]] for cell, log in table.items()} for table in blocks]
    effects = find_effects([LOADER, POOL], alike)
    shares = [effect.share for effect in effects.every]
    assert shares[0] == shares[2] == 0
    assert 0 < effects.noise_share < 1
    assert shares[1] + effects.noise_share == pytest.approx(1)


def test_what_is_chosen_as_the_largest_is_adjusted_for_the_choice_and_levels_for_one_another() -> None:
    effects = find_effects([LOADER, POOL], _noisy(10))
    loader, pool = effects.factors
    assert loader.span_p == loader.span.p_value
    assert (pool.span_p, pool.span.p_value) != (None, None)
    assert pool.span_p == pytest.approx(min(1, 3 * (pool.span.p_value or 0)))
    interaction = effects.interactions[0]
    # The loader has two levels, of which one deviates as the other does: three choices, not six.
    assert interaction.largest_p == pytest.approx(min(1, 3 * (interaction.largest.p_value or 0)))
    raw = [level.p_value for factor in effects.factors for level in factor.levels.values()]
    assert [p for factor in effects.factors for p in factor.level_p.values()] == adjust_holm(raw)


def _noisy(
    blocks: int, seed: int = 1, spread: float = 0.1, factors: Sequence[Factor] = (LOADER, POOL), **effects: float
) -> list[dict[Combination, float]]:
    rng = np.random.default_rng(seed)
    table = block(factors, **effects)
    return [{cell: log + float(rng.normal(0, spread)) for cell, log in table.items()} for _ in range(blocks)]


def _simulated(campaigns: int, tasks: float) -> list[Effects]:
    return [find_effects([LOADER, POOL], _noisy(10, seed, tasks=tasks)) for seed in range(campaigns)]


def test_intervals_of_effects_cover_the_truth_and_factors_that_do_nothing_are_seldom_found() -> None:
    simulated = _simulated(250, tasks=0.2)
    level: Level = ("tasks",)
    estimates = [effects.factors[0].levels[level] for effects in simulated]
    covered = sum((one.low or 0) <= math.exp(0.1) <= (one.high or 0) for one in estimates) / len(estimates)
    # The standard error of both is 1.4%.
    assert 0.92 <= covered <= 0.98
    falsely = sum(
        effects.factors[1].p_value < 0.05 or effects.interactions[0].p_value < 0.05 for effects in simulated
    ) / len(simulated)
    assert falsely <= 0.07
    # The truth: 6 * 0.01 between the cells' means against 5 / 10 * 0.01 of noise.
    share = math.fsum(effects.factors[0].share for effects in simulated) / len(simulated)
    assert share == pytest.approx(0.06 / 0.065, abs=0.02)


def test_in_equal_cells_no_effect_is_claimed_more_often_than_in_five_percent_of_experiments() -> None:
    factors = (LOADER, POOL, PYTHON)
    simulated = [find_effects(factors, _noisy(10, seed, factors=factors)) for seed in range(200)]
    falsely = [any(effect.p_value < 0.05 for effect in effects.every) for effects in simulated]
    # Found: 2.5% to 4%, with a standard error of 1.4%.
    assert sum(falsely) / len(falsely) <= 0.07
    levels = [min(p or 0 for one in effects.factors for p in one.level_p.values()) for effects in simulated]
    chosen = [min(one.largest_p or 0 for one in effects.interactions) for effects in simulated]
    assert sum(p < 0.05 for p in levels) / len(levels) <= 0.07
    # Three interactions, each with a chance of its own.
    assert sum(p < 0.05 / 3 for p in chosen) / len(chosen) <= 0.07
