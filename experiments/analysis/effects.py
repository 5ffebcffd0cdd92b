"""Effects of the factors of a crossed experiment: main effects and two-way interactions on log rows/s.

The unit is the block in which all cells ran well. Its contrast for a level is the mean of the level's cells less the
mean of all; for two levels of two factors, the mean of their common cells less what each adds alone. Over the blocks a
contrast is a ratio (``estimate_mean_ratio``). Best and worst level and the largest interaction are chosen by the
measurement, so their p values are Bonferroni's for all possible choices. Those of the levels are Holm's for all levels.

The share of a factor is epsilon squared (Kelley 1935, An unbiased correlation ratio measure, PNAS 21, 554-559), here
never below 0: its sum of squares between the cells' means, less the part of noise (degrees of freedom times the mean
square within blocks), divided by the whole sum of squares. Two factors beyond each alone have a share likewise, and so
have three and more together. All shares and noise add up to 1. The F test of randomized blocks (Fisher 1935, The Design
of Experiments, chapter 4) decides whether an effect is significant, with Holm's correction for all effects.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from experiments.analysis.factors import Factor, Level
from experiments.analysis.stats import Estimate, adjust_holm, estimate_mean_ratio

# Squares of logarithms below it are those of rounded arithmetic.
_ROUNDING = 1e-24
_RELATIVE_ROUNDING = 1e-12

Combination = tuple[Level, ...]
Table = Mapping[Combination, float]
"""One block: log rows/s of every combination of levels, one of each factor in their order."""


@dataclass(frozen=True)
class FactorEffect:
    """Effect of one factor. ``levels`` are ratios to the geometric mean of all cells, ``span`` is best over worst.

    ``p_value`` is adjusted for all effects, ``level_p`` for all levels of all factors, ``span_p`` for all pairs.
    """

    factor: Factor
    share: float
    p_value: float
    levels: Mapping[Level, Estimate]
    level_p: Mapping[Level, float | None]
    best: Level
    worst: Level
    span: Estimate
    span_p: float | None


@dataclass(frozen=True)
class InteractionEffect:
    """Effect of two factors beyond each alone; ``largest`` is that of the pair of levels that deviates most, ``at``.

    ``p_value`` is adjusted for all effects, ``largest_p`` for all pairs of levels.
    """

    factors: tuple[Factor, Factor]
    share: float
    p_value: float
    at: tuple[Level, Level]
    largest: Estimate
    largest_p: float | None


@dataclass(frozen=True)
class HigherEffect:
    """Effect of three and more factors together. ``p_value`` is adjusted for all effects."""

    share: float
    p_value: float


@dataclass(frozen=True)
class Effects:
    """Effects of an experiment; all shares and that of noise add up to 1. ``higher`` is None with two factors."""

    blocks: int
    factors: tuple[FactorEffect, ...]
    interactions: tuple[InteractionEffect, ...]
    higher: HigherEffect | None
    noise_share: float

    @property
    def every(self) -> list[FactorEffect | InteractionEffect | HigherEffect]:
        """Return all effects, which are one family for Holm."""
        return [*self.factors, *self.interactions, *([self.higher] if self.higher else [])]


def find_effects(factors: Sequence[Factor], blocks: Sequence[Table]) -> Effects:
    """Find the effects of two or more factors, from at least two blocks with every combination of levels."""
    places = range(len(factors))
    means = {cell: statistics.fmean(block[cell] for block in blocks) for cell in blocks[0]}
    scale = _Scale.of(means, blocks)
    of_all, of_each = _Marginals(means), [_Marginals(block) for block in blocks]
    sources = {
        some: _Source.of(of_all, factors, some) for size in (1, 2) for some in itertools.combinations(places, size)
    }
    tests = [scale.test(source) for source in sources.values()]
    if len(factors) > 2:
        tests.append(scale.test(scale.whole.without(sources.values())))
    adjusted = [p for p in adjust_holm([p for _, p in tests]) if p is not None]
    found = dict(zip(sources, ((share, p) for (share, _), p in zip(tests, adjusted, strict=True)), strict=False))
    noise = max(0.0, 1 - math.fsum(share for share, _ in tests)) if scale.whole.squares > _ROUNDING else 0.0
    return Effects(
        blocks=len(blocks),
        factors=_adjust_levels([_factor_effect(factors, place, of_each, *found[place,]) for place in places]),
        interactions=tuple(
            _interaction_effect(factors, *pair, of_each, *found[pair]) for pair in itertools.combinations(places, 2)
        ),
        higher=HigherEffect(tests[-1][0], adjusted[-1]) if len(factors) > 2 else None,
        noise_share=noise,
    )


@dataclass(frozen=True)
class _Marginals:
    """Means of a table's cells that have some levels in common; the table is read once for each set of factors."""

    table: Table
    _known: dict[tuple[int, ...], dict[Combination, float]] = field(default_factory=dict)

    def at(self, levels: Mapping[int, Level]) -> float:
        """Return the mean of the cells with these levels, by the factors' places."""
        places = tuple(levels)
        if places not in self._known:
            groups: dict[Combination, list[float]] = {}
            for cell, log in self.table.items():
                groups.setdefault(tuple(cell[place] for place in places), []).append(log)
            self._known[places] = {some: statistics.fmean(logs) for some, logs in groups.items()}
        return self._known[places][tuple(levels.values())]


@dataclass(frozen=True)
class _Source:
    """A part of the differences between the cells' means: its sum of squares and its degrees of freedom."""

    squares: float
    freedom: int

    @staticmethod
    def of(means: _Marginals, factors: Sequence[Factor], places: Sequence[int]) -> _Source:
        """Return the part of these factors together, given by their places."""
        levels = [factors[place].levels for place in places]
        contrasts = [dict(zip(places, some, strict=True)) for some in itertools.product(*levels)]
        squares = math.fsum(_deviation(means, contrast) ** 2 for contrast in contrasts)
        return _Source(squares * len(means.table) / len(contrasts), math.prod(len(some) - 1 for some in levels))

    def without(self, others: Iterable[_Source]) -> _Source:
        """Return the rest of it without the others."""
        known = list(others)
        squares = self.squares - math.fsum(other.squares for other in known)
        # Where they are all of it, what is left is the rounding of a difference.
        left = squares if squares > _RELATIVE_ROUNDING * self.squares else 0.0
        return _Source(left, self.freedom - sum(other.freedom for other in known))


@dataclass(frozen=True)
class _Scale:
    """All variation between the cells' means, and the ``noise`` in it per degree of freedom (``freedom``)."""

    whole: _Source
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
        whole = _Source(math.fsum((mean - grand) ** 2 for mean in means.values()), len(means) - 1)
        return _Scale(whole, left / freedom / len(blocks), freedom)

    def test(self, part: _Source) -> tuple[float, float]:
        """Return the share of a part of the differences, and the p value of 'this is noise'."""
        return self._share(part), self._p_value(part)

    def _share(self, part: _Source) -> float:
        # What is rounding of the arithmetic is no part of anything.
        if self.whole.squares <= _ROUNDING:
            return 0.0
        return max(0.0, part.squares - part.freedom * self.noise) / self.whole.squares

    def _p_value(self, part: _Source) -> float:
        if self.noise <= _ROUNDING:
            return 0.0 if part.squares > _ROUNDING else 1.0
        # Takes long to import: see stats.
        from scipy.special import fdtrc

        return float(fdtrc(part.freedom, self.freedom, part.squares / part.freedom / self.noise))


def _factor_effect(
    factors: Sequence[Factor], place: int, blocks: Sequence[_Marginals], share: float, p_value: float
) -> FactorEffect:
    factor = factors[place]
    contrasts = {level: [_deviation(block, {place: level}) for block in blocks] for level in factor.levels}
    estimates = {level: _estimate(logs) for level, logs in contrasts.items()}
    best, worst = (choose(estimates, key=lambda level: estimates[level].value) for choose in (max, min))
    span = _estimate([high - low for high, low in zip(contrasts[best], contrasts[worst], strict=True)])
    return FactorEffect(
        factor=factor,
        share=share,
        p_value=p_value,
        levels=estimates,
        level_p={level: estimate.p_value for level, estimate in estimates.items()},
        best=best,
        worst=worst,
        span=span,
        span_p=_chosen_of(math.comb(len(factor.levels), 2), span),
    )


def _adjust_levels(effects: Sequence[FactorEffect]) -> tuple[FactorEffect, ...]:
    """Adjust the p values of all levels for one another."""
    adjusted = iter(adjust_holm([p for effect in effects for p in effect.level_p.values()]))
    return tuple(replace(effect, level_p={level: next(adjusted) for level in effect.level_p}) for effect in effects)


def _interaction_effect(
    factors: Sequence[Factor], first: int, second: int, blocks: Sequence[_Marginals], share: float, p_value: float
) -> InteractionEffect:
    pairs = list(itertools.product(factors[first].levels, factors[second].levels))
    estimates = {
        (one, other): _estimate([_deviation(block, {first: one, second: other}) for block in blocks])
        for one, other in pairs
    }
    at = max(pairs, key=lambda pair: abs(math.log(estimates[pair].value)))
    # Of two levels one deviates by as much as the other, the other way: there is no choice between them.
    numbers = [len(factors[place].levels) for place in (first, second)]
    choices = math.prod(number if number > 2 else 1 for number in numbers)
    return InteractionEffect(
        factors=(factors[first], factors[second]),
        share=share,
        p_value=p_value,
        at=at,
        largest=estimates[at],
        largest_p=_chosen_of(choices, estimates[at]),
    )


def _chosen_of(choices: int, estimate: Estimate) -> float | None:
    """Return the p value of the largest difference among this many choices (Bonferroni)."""
    return None if estimate.p_value is None else min(1.0, choices * estimate.p_value)


def _deviation(means: _Marginals, levels: Mapping[int, Level]) -> float:
    """Return the effect of these levels together, beyond each alone and beyond the mean of all."""
    deviation = means.at(levels) - means.at({})
    if len(levels) > 1:
        deviation -= math.fsum(_deviation(means, {place: level}) for place, level in levels.items())
    return deviation


def _estimate(logs: Sequence[float]) -> Estimate:
    ratio = estimate_mean_ratio(logs)
    assert ratio is not None, "there are blocks"
    return ratio
