"""Names of an experiment's charts, and their images on pages; needs no charting library."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from experiments.analysis.ceilings import PGBENCH, is_ceiling
from experiments.analysis.summary import in_matrix_order
from experiments.formatting import axis_name, in_units, unit_of
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.report.labels import headings, label_axes, label_of, value_text

CHARTS = "charts"
"""The folder of a campaign's charts inside that of the campaign."""

MOST_CELLS = 300
"""Of an experiment with charts: one of more cells would be too long to look at, and take minutes to draw."""

CURVE_AXES = ("poolsize", "python")
# Fewer values of an axis make no curve.
_FEWEST_VALUES = 3

_FOREST_ALT = (
    "Chart of {name}: {question} The ratio of rows per second to the baseline with its 95% interval, a line for each "
    "row of the table"
)
_TIME_ALT = (
    "Chart of {name}: where the time of a worker goes for each row of the table: CPU of client and server, waiting for "
    "commits, for round trips and for a turn; the numbers are in the table below Bottleneck analysis"
)
_LATENCY_ALT = (
    "Chart of {name}: latency over load. The p50 and the p99 of the response time with their 95% intervals over the "
    "offered rows per second, a line for each loader; saturated ones are marked; the numbers are in the table"
)
_CURVE_ALT = (
    "Chart of {name} over {axis}: median rows per second and client CPU per row with their 95% intervals, a line for "
    "each {lines}; the numbers are in the table"
)


@dataclass(frozen=True)
class Line:
    """Cells that differ in one axis alone. ``label`` are their common values of the axes by which lines differ."""

    label: tuple[str, ...]
    cells: tuple[ShownCell, ...]


@dataclass(frozen=True)
class Curves:
    """Lines of a chart over ``axis``, whose ``values`` are in the order of the chart."""

    axis: str
    values: tuple[str, ...]
    label_axes: tuple[str, ...]
    lines: tuple[Line, ...]


def chart_names(description: Description, experiment: ShownExperiment) -> list[tuple[str, str]]:
    """Return the file name of each chart of the experiment with its alternative text; none of too many cells."""
    if _count_cells(description, experiment) > MOST_CELLS:
        return []
    unit = unit_of(cell.cell.workload for cell in description.cells if experiment.name in cell.experiments)
    if is_open(description, experiment):
        return [(chart_name(experiment, "latency"), in_units(_LATENCY_ALT, unit).format(name=experiment.name))]
    forest, curve = (in_units(alt, unit) for alt in (_FOREST_ALT, _CURVE_ALT))
    names = [(chart_name(experiment), forest.format(name=experiment.name, question=experiment.question))]
    for curves in curves_of(description, experiment):
        lines = " and ".join(headings(curves.label_axes)) or "loader"
        alt = curve.format(name=experiment.name, axis=axis_name(curves.axis), lines=lines)
        names.append((chart_name(experiment, curves.axis), alt))
    if has_time(description, experiment):
        names.append((chart_name(experiment, "time"), _TIME_ALT.format(name=experiment.name)))
    return names


def chart_images(
    description: Description, experiment: ShownExperiment, folder: str, without: Collection[str] = ()
) -> str:
    """Return the charts, except the files ``without``, as Markdown; ``folder`` is relative to the page."""
    if (cells := _count_cells(description, experiment)) > MOST_CELLS:
        return f"No charts: they show at most {MOST_CELLS} cells. The table has all {cells:,}.\n\n"
    named = [(name, alt) for name, alt in chart_names(description, experiment) if name not in without]
    return "".join(f"![{_escape(alt)}]({folder}/{quote(name)})\n\n" for name, alt in named)


def _count_cells(description: Description, experiment: ShownExperiment) -> int:
    return sum(experiment.name in cell.experiments for cell in description.cells)


def chart_name(experiment: ShownExperiment, kind: str = "") -> str:
    """Return the file of a chart: of the ratios, over the axis ``kind``, of the workers' 'time', or of 'latency'."""
    # No name has a '~', so that the charts of 'x' are never those of an experiment 'x-time'.
    return f"{experiment.name}{kind and f'~{kind}'}.svg"


def is_open(description: Description, experiment: ShownExperiment) -> bool:
    """Tell if the experiment has open loops, of which the chart of response times says all."""
    return any(cell.cell.is_open for cell in description.cells if experiment.name in cell.experiments)


def has_time(description: Description, experiment: ShownExperiment) -> bool:
    """Tell if any cell of the experiment samples connections."""
    shown = (cell for cell in description.cells if experiment.name in cell.experiments and not cell.unsupported)
    return any(cell.cell.sampling == "on" for cell in shown)


def curves_of(description: Description, experiment: ShownExperiment) -> list[Curves]:
    """Return the curves over each axis of which a line has at least three values that can run."""
    able = [cell for cell in in_matrix_order(description, experiment) if cell.arm == "a" and not cell.unsupported]
    # Of the upper bounds only pgbench: it runs with every pool, on the scale of the loaders.
    shown = [cell for cell in able if cell.cell.loader == PGBENCH or not is_ceiling(cell.cell)]
    cells, listed = [cell.cell for cell in shown], description.listed(experiment.name)
    every = [_curves(axis, shown, label_axes(cells, listed, over=axis)) for axis in CURVE_AXES]
    return [curves for curves in every if any(_length(line, curves.axis) >= _FEWEST_VALUES for line in curves.lines)]


def _curves(axis: str, shown: Sequence[ShownCell], axes: tuple[str, ...]) -> Curves:
    lines: dict[tuple[str, ...], list[ShownCell]] = {}
    for cell in shown:
        lines.setdefault(label_of(cell.cell, axes), []).append(cell)
    values = sorted({value_text(cell.cell, axis) for cell in shown}, key=_natural)
    return Curves(axis, tuple(values), axes, tuple(Line(label, tuple(cells)) for label, cells in lines.items()))


def _length(line: Line, axis: str) -> int:
    return len({cell.cell.value(axis) for cell in line.cells})


def _natural(text: str) -> tuple[list[int], str]:
    """Sort numbers by size, versions by number, free-threaded builds after their own."""
    return [int(number) for number in re.findall(r"\d+", text)], re.sub(r"\d+", "", text)


def _escape(text: str) -> str:
    """Escape a text for the brackets of an image in Markdown, on one line."""
    return re.sub(r"([\\\[\]`*_<>])", r"\\\1", " ".join(text.split()))
