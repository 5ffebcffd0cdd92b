"""Titles of charts: what one sees, computed from the numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from experiments.analysis.ceilings import is_ceiling
from experiments.analysis.summary import CellSummary, ExperimentSummary
from experiments.formatting import NOTHING, axis_name, count, format_span
from experiments.report.labels import headings, join_label, label_of, name_setting, setting_of

_SIDES: Mapping[str, str] = {
    "client-bound": "Python",
    "server-bound": "PostgreSQL",
    "commit-bound": "commits",
    "latency-bound": "latency",
    "host-saturated": "the machine",
    "relay-bound": "the relay",
    "mixed": "no single side",
}


def say_ratios(summary: ExperimentSummary, axes: Sequence[str]) -> str:
    """Say how many rows differ from the baseline, and which most."""
    tested, base = tested_rows(summary), next((cell for cell in summary.cells if cell.baseline), None)
    name = _name(base, axes) if base and not setting_of(base.shown.cell, axes) else "the baseline"
    if not tested:
        return f"Ratios to {name}: nothing can be claimed"
    found = [cell for cell in tested if not cell.noise]
    if not found:
        span = format_span([*map(_ratio, tested)], ".2f")
        return f"No row differs significantly from {name} ({count(len(tested), 'row')}, {span}x)"
    most = max(found, key=lambda cell: abs(math.log(_ratio(cell))))
    differ = f"{len(found)} of {count(len(tested), 'row')} {'differs' if len(found) == 1 else 'differ'} significantly"
    return f"{differ} from {name}; most: {_name(most, axes)}, {_ratio(most):.2f}x"


def tested_rows(summary: ExperimentSummary) -> list[CellSummary]:
    """Return the rows whose ratio was tested."""
    return [cell for cell in summary.cells if cell.noise is not None and not is_ceiling(cell.shown.cell)]


def say_peaks(axis: str, peaks: Sequence[str]) -> str:
    """Say at which values of the axis the lines are highest; ``peaks`` has one for each line."""
    name = axis_name(axis)
    most = Counter(peaks).most_common()
    if len(most) == 1:
        return f"Fastest with {name} {most[0][0]}" + f" on all {len(peaks)} lines" * (len(peaks) > 1)
    told = [f"{value} ({count(number, 'line')})" for value, number in most]
    return f"Fastest with {name} {', '.join(told[:-1])} or {told[-1]}"


def say_limits(cells: Sequence[CellSummary]) -> str:
    """Say what limits how many rows."""
    labels = Counter(_SIDES[cell.verdict.label] for cell in cells if cell.verdict)
    if not labels:
        return "Where the workers' time goes"
    if len(labels) == 1:
        return f"{'All rows are' if labels.total() > 1 else 'The row is'} limited by {next(iter(labels))}"
    (first, most), *others = labels.most_common()
    rest = "".join(f", {number} by {name}" for name, number in others)
    return f"{most} of {labels.total()} rows {'is' if most == 1 else 'are'} limited by {first}{rest}"


def say_saturation(first: Mapping[str, float], highest: float, unit: str) -> str:
    """Say which loaders are saturated first, and at which rate. ``first`` has the lowest such rate of each."""
    if not first:
        return f"No loader is saturated at up to {highest:,.0f} {unit}s per second"
    lowest = min(first.values())
    names = " and ".join(name for name, rate in first.items() if rate == lowest)
    return f"Saturated first: {names}, at {lowest:,.0f} {unit}s per second"


def _name(cell: CellSummary, axes: Sequence[str]) -> str:
    setting = name_setting(headings(axes), setting_of(cell.shown.cell, axes))
    return join_label([setting or NOTHING, *label_of(cell.shown.cell, axes)[len(setting_of(cell.shown.cell, axes)) :]])


def _ratio(cell: CellSummary) -> float:
    return cell.ratio.value if cell.ratio else 1.0
