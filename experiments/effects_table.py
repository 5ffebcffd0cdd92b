"""What matters in an experiment, as Markdown: how much of the differences each factor explains, or why nobody can say.

Beside the league table, from a campaign's description and records alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from experiments.crossing import Crossing, Factor, Level, Nesting, find_crossing
from experiments.description import Description, ShownCell, ShownExperiment
from experiments.effects import Effects, FactorEffect, InteractionEffect, Table, find_effects
from experiments.records import Record
from experiments.stats import FEWEST_BLOCKS, SIGNIFICANCE, Estimate
from experiments.summary import in_matrix_order
from experiments.wording import axis_name, axis_value, count, with_interval

# Less is not spelt out.
_LEAST_SHARE = 0.005
_MOST_NAMES = 3
# The axes that are chosen by themselves; others may follow from the loader or the interpreter.
_CHOSEN = {"engine", "python", "loader", "poolsize", "postgres", "data", "transaction", "inserts", "resources"}


def describe_effects(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> str | None:
    """Which factor explains how much, with its levels and the two-way interactions; Markdown without a heading.

    A sentence with the reason where the axes are not fully crossed, runs are missing or blocks are too few; None for
    an experiment that varies one thing only.
    """
    lists = description.matrix["experiments"][experiment.name]["matrix"]
    basis = _find_basis(_without_foreign_baseline(in_matrix_order(description, experiment), lists))
    crossing = basis.crossing
    if len(basis.whole.factors) < 2 and not basis.whole.nestings:
        return None
    if problem := _find_problem(basis):
        return f"How much each axis matters by itself cannot be told here: {problem}.\n"
    blocks = _complete_blocks(basis.cells, crossing, records)
    if len(blocks) < FEWEST_BLOCKS:
        return (
            f"How much each axis matters needs {FEWEST_BLOCKS} blocks in which every cell ran well; "
            f"there {'is' if len(blocks) == 1 else 'are'} {len(blocks)}: nothing is claimed.\n"
        )
    effects = find_effects(crossing.factors, blocks)
    parts = [_lead(effects), _factor_table(effects), _level_table(effects), _interaction_table(effects)]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _notes(basis, effects))]) + "\n"


@dataclass(frozen=True)
class _Basis:
    """The cells to compute with, and the levels left out since some of their cells cannot run; ``whole`` has them."""

    cells: Sequence[ShownCell]
    crossing: Crossing
    whole: Crossing
    left_out: tuple[Level, ...]


def _without_foreign_baseline(shown: Sequence[ShownCell], lists: Mapping[str, Sequence[Any]]) -> list[ShownCell]:
    """Every cell once, and not the baseline where it has a value that the experiment neither lists nor else uses."""
    again = {cell.cell_key for cell in shown if cell.arm == "b"}
    cells = [cell for cell in shown if cell.arm == "a"]

    def is_foreign(baseline: ShownCell) -> bool:
        others = [cell.cell for cell in cells if cell is not baseline]
        return any(
            value is not None
            and all(other[axis] != value for other in others)
            # A loader with one connection has that whatever the pool.
            and (value not in lists[axis] if axis in lists else axis in _CHOSEN and (axis, value) != ("poolsize", 1))
            for axis, value in baseline.cell.items()
        )

    return [cell for cell in cells if not (len(cells) > 1 and cell.cell_key in again and is_foreign(cell))]


def _find_basis(cells: Sequence[ShownCell]) -> _Basis:
    """Leave out level by level, the one with most holes first, until every cell that is left can run."""
    left, left_out = list(cells), list[Level]()
    whole = find_crossing([cell.cell for cell in cells])
    names = {level: factor.telling(level) for factor in whole.factors for level in factor.levels}
    while True:
        crossing = find_crossing([cell.cell for cell in left])
        if not crossing.factors or not any(cell.unsupported for cell in left):
            return _Basis(left, crossing, whole, tuple(left_out))
        levels = [(factor, level) for factor in crossing.factors for level in factor.levels]
        _, factor, level = max(
            ((_emptiness(left, factor, level), factor, level) for factor, level in levels), key=lambda found: found[0]
        )
        left_out.append(names.get(level, level))
        left = [cell for cell in left if factor.level_of(cell.cell) != level]


def _emptiness(cells: Sequence[ShownCell], factor: Factor, level: Level) -> float:
    """The part of a level's cells that cannot run."""
    return statistics.fmean(bool(cell.unsupported) for cell in cells if factor.level_of(cell.cell) == level)


def _find_problem(basis: _Basis) -> str | None:
    crossing = basis.crossing
    if len(crossing.factors) > 1 and not crossing.missing:
        return None
    parts = [_nesting_text(nesting) for nesting in basis.whole.nestings]
    if crossing.missing:
        factors = _listed([_factor_name(factor) for factor in crossing.factors])
        are = "is" if crossing.missing == 1 else "are"
        parts.append(f"{count(crossing.missing, 'combination')} of {factors} {are} not in the experiment")
    return "; ".join(parts) or f"nothing is crossed {_left_out(basis)}"


def _left_out(basis: _Basis) -> str:
    return f"without {', '.join(map(_values_text, basis.left_out))}, of which some cells cannot run"


def _complete_blocks(cells: Sequence[ShownCell], crossing: Crossing, records: Sequence[Record]) -> list[Table]:
    """Every block in which all cells ran well, as logarithms of rows/s."""
    combinations = {cell.cell_key: tuple(factor.level_of(cell.cell) for factor in crossing.factors) for cell in cells}
    blocks: dict[int, dict[tuple[Level, ...], float]] = {}
    for record in records:
        good = record.arm == "a" and record.status == "ok" and not record.interrupted and record.rows_per_s
        if good and record.cell_key in combinations:
            blocks.setdefault(record.block, {})[combinations[record.cell_key]] = math.log(record.rows_per_s or 1.0)
    return [block for _, block in sorted(blocks.items()) if len(block) == len(combinations)]


def _lead(effects: Effects) -> str:
    """One sentence: who explains what, the largest first."""
    known: list[FactorEffect | InteractionEffect] = [*effects.factors, *effects.interactions]
    clear = sorted((effect for effect in known if effect.p_value < SIGNIFICANCE), key=lambda effect: -effect.share)
    unclear = [_factor_name(effect.factor) for effect in effects.factors if effect.p_value >= SIGNIFICANCE]
    if not clear:
        return "Nothing here is told apart from noise: no factor, and no two together."
    names = [_effect_name(effect, effects) for effect in clear]
    parts = [f"{name} {_percentage(effect.share)}" for name, effect in zip(names, clear, strict=True)]
    parts[0] = f"**{names[0][0].upper()}{names[0][1:]} explains {_percentage(clear[0].share)} of the differences**"
    if effects.higher_share >= _LEAST_SHARE:
        parts.append(f"combinations of three and more {_percentage(effects.higher_share)}")
    parts.append(f"noise {_percentage(effects.noise_share)}")
    unknown = f"; {' and '.join(unclear)}: not told apart from noise" if unclear else ""
    return f"{', '.join(parts)}{unknown}."


def _effect_name(effect: FactorEffect | InteractionEffect, effects: Effects) -> str:
    if isinstance(effect, FactorEffect):
        return _factor_name(effect.factor)
    if len(effects.factors) == 2:
        return "their interaction"
    return f"the interaction of {' and '.join(map(_factor_name, effect.factors))}"


def _share(effect: FactorEffect | InteractionEffect) -> str:
    return "≈ " * (effect.p_value >= SIGNIFICANCE) + _percentage(effect.share)


def _percentage(share: float) -> str:
    return "under 1%" if share < _LEAST_SHARE else "over 99%" if share > 1 - _LEAST_SHARE else f"{share:.0%}"


def _factor_table(effects: Effects) -> str:
    rows = [
        [
            _factor_name(effect.factor),
            _share(effect),
            _level_text(effect.factor, effect.best),
            _level_text(effect.factor, effect.worst),
            _ratio(effect.span, effect),
        ]
        for effect in sorted(effects.factors, key=lambda effect: -effect.share)
    ]
    headings = ["factor", "explains", "fastest", "slowest", "fastest / slowest (95% interval)"]
    return tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=_align("lrllr"))


def _level_table(effects: Effects) -> str:
    rows = [
        [_factor_name(effect.factor), _level_text(effect.factor, level), _ratio(estimate, effect)]
        for effect in sorted(effects.factors, key=lambda effect: -effect.share)
        for level, estimate in effect.levels.items()
    ]
    headings = ["factor", "level", "ratio to the mean of all (95% interval)"]
    return tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=_align("llr"))


def _interaction_table(effects: Effects) -> str:
    rows = [
        [
            _pair_name(effect),
            _share(effect),
            ", ".join(map(_level_text, effect.factors, effect.at)),
            _ratio(effect.largest, effect),
        ]
        for effect in sorted(effects.interactions, key=lambda effect: -effect.share)
    ]
    headings = ["two together", "explain", "deviates most", "from what both alone make (95% interval)"]
    return tabulate(rows, headings, tablefmt="pipe", disable_numparse=True, colalign=_align("lrlr"))


def _notes(basis: _Basis, effects: Effects) -> list[str]:
    crossing = basis.crossing
    lines = [
        f"From {count(effects.blocks, 'block')} in which every cell ran well, on the logarithm of rows/s. A level's "
        "ratio compares the mean of its cells with the mean of all. ≈ marks what noise alone could make: a factor, or "
        "two together, by an F test with Holm's correction, and a ratio whose interval holds 1.",
    ]
    if basis.left_out:
        lines.append(f"W{_left_out(basis)[1:]}.")
    if crossing.nestings:
        nested = "; ".join(map(_nesting_text, crossing.nestings))
        lines.append(f"What is nested cannot be told apart, and is one factor: {nested}.")
    if crossing.following:
        names = " and ".join(map(axis_name, crossing.following))
        leaders = ", ".join(_factor_name(factor) for factor in crossing.factors)
        lines.append(f"{names[0].upper()}{names[1:]} follows from the others ({leaders}) and is no factor of its own.")
    return lines


def _factor_name(factor: Factor) -> str:
    """'loader with its loop'."""
    first, *others = map(axis_name, factor.axes)
    return f"{first} with its {_listed(others)}" if others else first


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _pair_name(effect: InteractionEffect) -> str:
    return " × ".join(map(_factor_name, effect.factors))  # noqa: RUF001


def _level_text(factor: Factor, level: Level) -> str:
    return _values_text(factor.telling(level))


def _values_text(values: Level) -> str:
    """'row_by_row_asyncio uvloop': an axis that does not apply says nothing."""
    return " ".join(axis_value(value) for value in values if value is not None) or axis_value(None)


def _nesting_text(nesting: Nesting) -> str:
    by_value: dict[str, list[str]] = {}
    for outer, inner in nesting.single:
        by_value.setdefault("none" if inner is None else f"only {inner}", []).append(axis_value(outer))
    only = "; ".join(f"{inner} with {_some(outers)}" for inner, outers in by_value.items())
    return f"{axis_name(nesting.inner)} is nested in {axis_name(nesting.outer)} ({only})"


def _some(names: Sequence[str]) -> str:
    """The first of many names."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"


def _ratio(estimate: Estimate, effect: FactorEffect | InteractionEffect) -> str:
    holds_one = estimate.low is not None and estimate.high is not None and estimate.low <= 1 <= estimate.high
    return "≈ " * (holds_one or effect.p_value >= SIGNIFICANCE) + with_interval(estimate, ".2f")


def _align(letters: str) -> list[str]:
    return [{"l": "left", "r": "right"}[letter] for letter in letters]
