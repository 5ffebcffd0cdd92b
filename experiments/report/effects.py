"""Effects of an experiment's factors as Markdown: how much of the differences each one explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bigdata.registry import LOADERS, short_name
from experiments.analysis.balanced_cells import Basis, complete_blocks, find_basis, without_foreign_baseline
from experiments.analysis.effects import Effects, FactorEffect, HigherEffect, InteractionEffect, find_effects
from experiments.analysis.factors import Factor, Level, Nesting
from experiments.analysis.precision import LOADER_AXES
from experiments.analysis.stats import FEWEST_BLOCKS, Estimate, is_significant, mark_unless, with_interval
from experiments.analysis.summary import ExperimentSummary
from experiments.formatting import axis_name, axis_value, count
from experiments.records.campaign import Campaign
from experiments.report.labels import lay_out

# Less is not spelt out.
_LEAST_SHARE = 0.005
_MOST_NAMES = 3


def describe_effects(summary: ExperimentSummary, campaign: Campaign) -> str | None:
    """Say how much each factor explains, with its levels and the two-way interactions; Markdown without a heading.

    One sentence with the reason if the effects are unknown; None for an experiment that varies one thing only, and for
    open loops, which have another baseline at each load.
    """
    if summary.is_open:
        return None
    lists = campaign.description.listed(summary.experiment.name)
    basis = find_basis(without_foreign_baseline([cell.shown for cell in summary.cells], lists))
    crossing = basis.crossing
    if len(basis.whole.factors) < 2 and not basis.whole.nestings:
        return None
    if disturbed := sum(cell.disturbed_ground for cell in summary.cells):
        return f"The effect of each axis is unknown: {count(disturbed, 'row')} {_are(disturbed)} disturbed.\n"
    if problem := _find_problem(basis):
        return f"The effect of each axis is unknown: {problem}.\n"
    blocks = complete_blocks(basis, campaign)
    if len(blocks) < FEWEST_BLOCKS:
        needed = f"it needs {FEWEST_BLOCKS} blocks in which every cell ran well"
        return f"The effect of each axis is unknown: {needed}, and there {_are(len(blocks))} {len(blocks)}.\n"
    effects = find_effects(crossing.factors, blocks)
    parts = [_lead(effects), _factor_table(effects), _level_table(effects), _interaction_table(effects)]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _notes(basis, effects))]) + "\n"


def _find_problem(basis: Basis) -> str | None:
    crossing = basis.crossing
    if len(crossing.factors) > 1 and not crossing.missing:
        return None
    parts = [_nesting_text(nesting) for nesting in basis.whole.nestings]
    if crossing.missing:
        factors = _listed([_factor_name(factor) for factor in crossing.factors])
        missing = count(crossing.missing, "combination")
        parts.append(f"{missing} of {factors} {_are(crossing.missing)} not in the experiment")
    return "; ".join(parts) or f"nothing is crossed {_left_out(basis)}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _left_out(basis: Basis) -> str:
    return f"without {', '.join(_level_text(*one) for one in basis.left_out)}, of which some cells cannot run"


def _lead(effects: Effects) -> str:
    """Say in one sentence how much each effect explains, the largest first; with noise they add up to 100%."""
    every = sorted(effects.every, key=lambda effect: -effect.share)
    clear = [effect for effect in every if is_significant(effect.p_value)]
    if not clear:
        together = "two together" if effects.higher is None else "two or more together"
        return f"No effect is significant: no factor, and no {together}."
    first, *parts = [f"{_effect_name(effect, effects)} {_percentage(effect.share)}" for effect in clear]
    name, verb = _effect_name(clear[0], effects), "explain" if isinstance(clear[0], HigherEffect) else "explains"
    first = f"**{name[0].upper()}{name[1:]} {verb} {_percentage(clear[0].share)} of the differences**"
    unclear = [effect for effect in effects.every if effect not in clear]
    hidden = sum(effect.share for effect in unclear)
    noise = "noise" if hidden < _LEAST_SHARE else "noise and effects that are not significant"
    parts.append(f"{noise} {_percentage(effects.noise_share + hidden)}")
    unknown = [_factor_name(effect.factor) for effect in unclear if isinstance(effect, FactorEffect)]
    end = f"; {' and '.join(unknown)}: not significant" if unknown else ""
    return f"{', '.join([first, *parts])}{end}."


def _effect_name(effect: FactorEffect | InteractionEffect | HigherEffect, effects: Effects) -> str:
    if isinstance(effect, HigherEffect):
        return "combinations of three and more"
    if isinstance(effect, FactorEffect):
        return _factor_name(effect.factor)
    if len(effects.factors) == 2:
        return "their interaction"
    return f"the interaction of {' and '.join(map(_factor_name, effect.factors))}"


def _share(effect: FactorEffect | InteractionEffect | HigherEffect) -> str:
    return mark_unless(is_significant(effect.p_value), _percentage(effect.share))


def _percentage(share: float) -> str:
    return "under 1%" if share < _LEAST_SHARE else "over 99%" if share > 1 - _LEAST_SHARE else f"{share:.0%}"


def _factor_table(effects: Effects) -> str:
    rows = []
    for effect in sorted(effects.factors, key=lambda effect: -effect.share):
        best, worst = (_level_text(effect.factor, level) for level in (effect.best, effect.worst))
        ratio = _ratio(effect.span, effect, effect.span_p)
        rows.append([_factor_name(effect.factor), _share(effect), best, worst, ratio])
    headings = ["factor", "explains", "fastest", "slowest", "fastest / slowest (95% interval)"]
    return lay_out(rows, headings, "lrllr")


def _level_table(effects: Effects) -> str:
    rows = [
        [_factor_name(one.factor), _level_text(one.factor, level), _ratio(estimate, one, one.level_p[level])]
        for one in sorted(effects.factors, key=lambda effect: -effect.share)
        for level, estimate in one.levels.items()
    ]
    headings = ["factor", "level", "ratio to the mean of all (95% interval)"]
    return lay_out(rows, headings, "llr")


def _interaction_table(effects: Effects) -> str:
    rows = []
    for effect in sorted(effects.interactions, key=lambda effect: -effect.share):
        pair = " × ".join(map(_factor_name, effect.factors))  # noqa: RUF001
        at = ", ".join(map(_level_text, effect.factors, effect.at))
        rows.append([pair, _share(effect), at, _ratio(effect.largest, effect, effect.largest_p)])
    headings = ["two together", "explain", "deviates most", "from the product of both alone (95% interval)"]
    return lay_out(rows, headings, "lrlr")


def _notes(basis: Basis, effects: Effects) -> list[str]:
    crossing = basis.crossing
    lines = [
        f"From {count(effects.blocks, 'block')} in which every cell ran well, on the logarithm of rows/s. A level's "
        "ratio compares the mean of its cells with the mean of all; a level far off moves that mean, too.",
        "n.s.: not significant. Factors and combinations have an F test, levels a t test, both with Holm's correction. "
        "Fastest against slowest, and the largest deviation, are chosen by the measurement and have Bonferroni's. "
        "Intervals are not corrected.",
    ]
    if effects.higher:
        lines.append(f"Combinations of three and more factors explain {_share(effects.higher).removesuffix('.')}.")
    if basis.left_out:
        lines.append(f"W{_left_out(basis)[1:]}.")
    if crossing.nestings:
        nested = "; ".join(map(_nesting_text, crossing.nestings))
        lines.append(f"Nested axes are one factor: {nested}.")
    if crossing.following:
        names = " and ".join(map(axis_name, crossing.following))
        leaders = ", ".join(_factor_name(factor) for factor in crossing.factors)
        lines.append(f"{names[0].upper()}{names[1:]} follows from the others ({leaders}) and is no factor of its own.")
    return lines


def _factor_name(factor: Factor) -> str:
    """Return the name of a factor, such as 'loader with its loop'."""
    first, *others = map(axis_name, factor.axes)
    return f"{first} with its {_listed(others)}" if others else first


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _level_text(factor: Factor, level: Level) -> str:
    """Return 'aiopg · uvloop GIL off', say: an axis that does not apply says nothing."""
    values = dict(zip(factor.axes, level, strict=True))
    told: Sequence[Any] = factor.telling(level)
    if "loader" in values:
        others = {axis: value for axis, value in values.items() if axis not in LOADER_AXES and value in told}
        told = [_loader_name(*(values.get(axis) for axis in LOADER_AXES)), *others.values()]
    return " ".join(axis_value(value) for value in told if value is not None) or axis_value(None)


def _loader_name(name: Any, loop: Any = None, *others: Any) -> str:
    """Return the short name; of a loader with loops, where none is given, the driver alone."""
    loader = LOADERS.get(name)
    return loader.label if loader and loader.loops and loop is None else short_name(str(name), loop, *others)


def _nesting_text(nesting: Nesting) -> str:
    by_value: dict[str, list[str]] = {}
    for outer, inner in nesting.single:
        by_value.setdefault("none" if inner is None else f"only {inner}", []).append(
            _loader_name(outer) if nesting.outer == "loader" else axis_value(outer)
        )
    only = "; ".join(f"{inner} with {_some(outers)}" for inner, outers in by_value.items())
    return f"{axis_name(nesting.inner)} is nested in {axis_name(nesting.outer)} ({only})"


def _some(names: Sequence[str]) -> str:
    """Return the first of many names."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"


def _ratio(estimate: Estimate, effect: FactorEffect | InteractionEffect, p_value: float | None) -> str:
    """Format a ratio, with n.s. unless both it and its effect are significant."""
    return mark_unless(is_significant(effect.p_value) and is_significant(p_value), with_interval(estimate, ".2f"))
