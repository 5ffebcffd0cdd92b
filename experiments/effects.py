"""How much each factor of a crossed experiment matters: main effects and two-way interactions on log rows/s.

The unit is the block. In each block in which all cells ran well the contrast is computed from that block's balanced
table: for a level the mean of its cells less the mean of all; for two levels of two factors the mean of the cells that
have both, less what the two levels alone would make of it. Over the blocks a contrast is a ratio like any other
(``estimate_mean_ratio``), with an interval from 5 blocks on. Best and worst level, and the largest interaction, are
chosen by what was measured: where all levels are close their difference is too large rather than too small.

The share of a factor is its sum of squares between the cells' means, less what noise alone adds to it (degrees of
freedom times the mean square of cells within blocks), divided by the whole sum of squares between cells: epsilon
squared (Kelley 1935, An unbiased correlation ratio measure, PNAS 21, 554-559), here never below 0. What noise adds to
all of them is the share of noise. Whether an effect is more than noise says the F test of randomized blocks (Fisher
1935, The Design of Experiments, chapter 4), its p values adjusted by Holm for all effects of the experiment. In 4,000
simulated campaigns of equal cells each had 3.8% to 5.8% of unadjusted p values below 0.05, in all the kinds of noise
that ``stats`` names.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scipy.stats import f

from experiments.crossing import Factor, Level
from experiments.stats import Estimate, adjust_holm, estimate_mean_ratio

# Squares of logarithms below it are those of rounded arithmetic.
_ROUNDING = 1e-24

Combination = tuple[Level, ...]
Table = Mapping[Combination, float]
"""One block: log rows/s of every combination of levels, one of each factor in their order."""


@dataclass(frozen=True)
class FactorEffect:
    """What one factor does. ``levels`` are ratios to the geometric mean of all cells, ``span`` is best over worst.

    ``p_value`` is adjusted, as that of interactions.
    """

    factor: Factor
    share: float
    p_value: float
    levels: Mapping[Level, Estimate]
    best: Level
    worst: Level
    span: Estimate


@dataclass(frozen=True)
class InteractionEffect:
    """What two factors do beyond each alone; ``largest`` is where a pair of levels, ``at``, deviates most."""

    factors: tuple[Factor, Factor]
    share: float
    p_value: float
    at: tuple[Level, Level]
    largest: Estimate


@dataclass(frozen=True)
class Effects:
    """Of an experiment; shares are parts of the variance between its cells."""

    blocks: int
    factors: tuple[FactorEffect, ...]
    interactions: tuple[InteractionEffect, ...]
    higher_share: float
    """Of interactions of three and more factors."""
    noise_share: float


def find_effects(factors: Sequence[Factor], blocks: Sequence[Table]) -> Effects:
    """The effects of two or more factors, from at least two blocks with every combination of their levels."""
    places = range(len(factors))
    cells = list(blocks[0])
    means = {cell: statistics.fmean(block[cell] for block in blocks) for cell in cells}
    scale = _Scale.of(means, blocks)
    mains = tuple(_factor_effect(factors, place, blocks, means, scale) for place in places)
    pairs = tuple(
        _interaction_effect(factors, first, second, blocks, means, scale)
        for first, second in itertools.combinations(places, 2)
    )
    mains, pairs = _adjusted(mains, pairs)
    noise = min(1.0, scale.noise * (len(cells) - 1) / scale.total) if scale.total > _ROUNDING else 0.0
    known = math.fsum([*(effect.share for effect in mains), *(effect.share for effect in pairs), noise])
    higher = max(0.0, 1 - known) if len(factors) > 2 and scale.total > _ROUNDING else 0.0
    return Effects(len(blocks), mains, pairs, higher, noise)


def _adjusted(
    mains: tuple[FactorEffect, ...], pairs: tuple[InteractionEffect, ...]
) -> tuple[tuple[FactorEffect, ...], tuple[InteractionEffect, ...]]:
    raw = [*(effect.p_value for effect in mains), *(effect.p_value for effect in pairs)]
    p_values = iter([p for p in adjust_holm(raw) if p is not None])
    return (
        tuple(replace(effect, p_value=next(p_values)) for effect in mains),
        tuple(replace(effect, p_value=next(p_values)) for effect in pairs),
    )


@dataclass(frozen=True)
class _Scale:
    """What sums of squares are measured with.

    ``total`` is all between the cells' means, ``noise`` what noise adds to it per degree of freedom, known from
    ``freedom`` degrees.
    """

    total: float
    noise: float
    freedom: int

    @staticmethod
    def of(means: Table, blocks: Sequence[Table]) -> _Scale:
        grand = statistics.fmean(means.values())
        left = 0.0
        for block in blocks:
            shift = statistics.fmean(block.values()) - grand
            left += math.fsum((log - means[cell] - shift) ** 2 for cell, log in block.items())
        freedom = (len(means) - 1) * (len(blocks) - 1)
        total = math.fsum((mean - grand) ** 2 for mean in means.values())
        return _Scale(total, left / freedom / len(blocks), freedom)

    def share(self, squares: float, freedom: int) -> float:
        return max(0.0, squares - freedom * self.noise) / self.total if self.total > _ROUNDING else 0.0

    def p_value(self, squares: float, freedom: int) -> float:
        if self.noise <= _ROUNDING:
            return 0.0 if squares > _ROUNDING else 1.0
        return float(f.sf(squares / freedom / self.noise, freedom, self.freedom))


def _factor_effect(
    factors: Sequence[Factor], place: int, blocks: Sequence[Table], means: Table, scale: _Scale
) -> FactorEffect:
    factor = factors[place]
    contrasts = {level: [_deviation(block, {place: level}) for block in blocks] for level in factor.levels}
    estimates = {level: _estimate(logs) for level, logs in contrasts.items()}
    best, worst = (choose(estimates, key=lambda level: estimates[level].value) for choose in (max, min))
    squares = _squares(means, [{place: level} for level in factor.levels])
    freedom = len(factor.levels) - 1
    return FactorEffect(
        factor=factor,
        share=scale.share(squares, freedom),
        p_value=scale.p_value(squares, freedom),
        levels=estimates,
        best=best,
        worst=worst,
        span=_estimate([high - low for high, low in zip(contrasts[best], contrasts[worst], strict=True)]),
    )


def _interaction_effect(
    factors: Sequence[Factor], first: int, second: int, blocks: Sequence[Table], means: Table, scale: _Scale
) -> InteractionEffect:
    pairs = list(itertools.product(factors[first].levels, factors[second].levels))
    estimates = {
        (one, other): _estimate([_deviation(block, {first: one, second: other}) for block in blocks])
        for one, other in pairs
    }
    at = max(pairs, key=lambda pair: abs(math.log(estimates[pair].value)))
    squares = _squares(means, [{first: one, second: other} for one, other in pairs])
    freedom = (len(factors[first].levels) - 1) * (len(factors[second].levels) - 1)
    return InteractionEffect(
        factors=(factors[first], factors[second]),
        share=scale.share(squares, freedom),
        p_value=scale.p_value(squares, freedom),
        at=at,
        largest=estimates[at],
    )


def _squares(means: Table, contrasts: Sequence[Mapping[int, Level]]) -> float:
    """The sum of squares of an effect, over all cells, from what it does at each of its levels."""
    return math.fsum(_deviation(means, levels) ** 2 for levels in contrasts) * len(means) / len(contrasts)


def _deviation(table: Table, levels: Mapping[int, Level]) -> float:
    """What these levels do together, beyond what each of them does alone and beyond the mean of all."""
    deviation = _marginal_mean(table, levels) - _marginal_mean(table, {})
    if len(levels) > 1:
        deviation -= math.fsum(_deviation(table, {place: level}) for place, level in levels.items())
    return deviation


def _marginal_mean(table: Table, levels: Mapping[int, Level]) -> float:
    """The mean of the cells that have these levels, by the factors' places."""
    return statistics.fmean(
        log for cell, log in table.items() if all(cell[place] == level for place, level in levels.items())
    )


def _estimate(logs: Sequence[float]) -> Estimate:
    ratio = estimate_mean_ratio(logs)
    assert ratio is not None, "there are blocks"
    return ratio
