"""Charts of an experiment: names, alternative texts and images on pages; needs no charting library."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from experiments.analysis.ceilings import PGBENCH, is_ceiling
from experiments.analysis.summary import ExperimentSummary
from experiments.formatting import axis_name, in_units
from experiments.records.campaign import Campaign
from experiments.records.description import ShownCell, ShownExperiment
from experiments.report.charts.heat_facts import find_heat
from experiments.report.charts.hero_facts import find_hero
from experiments.report.charts.rows import MOST_ROWS, chart_axes, has_ratio, has_time
from experiments.report.charts.titles import say_ratios, tested_rows
from experiments.report.labels import headings, label_axes, label_of, setting_first, value_text

CHARTS = "charts"
"""The folder of a campaign's charts inside that of the campaign."""

MOST_CELLS = 300
"""Of an experiment with charts: one of more cells would be too long to look at, and take minutes to draw."""

CURVE_AXES = ("poolsize", "python")
# Fewer values of an axis make no curve.
_FEWEST_VALUES = 3

Page = Literal["front", "own", "both"]
"""The pages that show a chart: the front page, the experiment's own, or both."""

_HERO_ALT = (
    "Chart of {name}: rows per second of each client and of pgbench over the connections, with commits that wait for "
    "the disk and that do not, and beside it the CPU time of a row in Python and in PostgreSQL; the numbers are in the "
    "table"
)
_HEAT_ALT = (
    "Chart of {name}: the ratio of rows per second of asyncio and uvloop to threads with the same driver, a cell for "
    "each number of connections and each PostgreSQL configuration and cores; the numbers are in the table"
)

_FOREST_ALT = (
    "Chart of {name}: {question} The ratio of rows per second to the baseline with its 95% interval, a line for each "
    "{row}; the numbers are in the table"
)
_TIME_ALT = (
    "Chart of {name}: where the time of a worker goes for each loader and setting: CPU of client and server, waiting "
    "for commits, for round trips and for a turn; the numbers are in the table below Bottleneck analysis"
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


@dataclass(frozen=True)
class Chart:
    """One chart: its file, its alternative text, and the pages that show it."""

    name: str
    alt: str
    page: Page = "both"


def list_charts(summary: ExperimentSummary, campaign: Campaign) -> list[Chart]:
    """Return the charts of the experiment, the most important first; none of too many cells or without results."""
    if len(summary.cells) > MOST_CELLS:
        return []
    if summary.is_open:
        has_points = any(cell.response for cell in summary.cells)
        return [_chart(summary, "latency", _LATENCY_ALT)] if has_points else []
    charts = [_chart(summary, "hero", _HERO_ALT)] if find_hero(campaign.description, summary) else []
    heat = find_heat(summary)
    charts += [_chart(summary, "heatmap", _HEAT_ALT)] if heat and heat.significant else []
    charts += _forests(summary)
    for curves in curves_of(summary, campaign):
        lines = " and ".join(headings(curves.label_axes)) or "loader"
        charts.append(_chart(summary, curves.axis, _CURVE_ALT, axis=axis_name(curves.axis), lines=lines))
    timed = sum(map(has_time, summary.cells))
    page: Page = "both" if timed <= MOST_ROWS else "own"
    return [*charts, *([_chart(summary, "time", _TIME_ALT, page)] if timed else [])]


def _forests(summary: ExperimentSummary) -> list[Chart]:
    """Return the chart of ratios, and one of fewer rows for front pages; none where nothing is significant."""
    rows = sum(map(has_ratio, summary.cells))
    if _describe_missing_ratios(summary, ("loader",)):
        return []
    if rows <= MOST_ROWS:
        return [_chart(summary, "", _FOREST_ALT, row="row")]
    most = f"of the {MOST_ROWS} rows that differ most"
    return [
        _chart(summary, "", _FOREST_ALT, "own", row="row"),
        _chart(summary, "front", _FOREST_ALT, "front", row=most),
    ]


def _chart(summary: ExperimentSummary, kind: str, alt: str, page: Page = "both", **values: str) -> Chart:
    experiment = summary.experiment
    text = in_units(alt, summary.unit).format(name=experiment.name, question=experiment.question, **values)
    return Chart(chart_name(experiment, kind), text, page)


def chart_images(summary: ExperimentSummary, campaign: Campaign, folder: str, page: Page = "own") -> str:
    """Return the page's charts as Markdown, with a sentence in the place of each that would show nothing."""
    if len(summary.cells) > MOST_CELLS:
        return f"No charts: they show at most {MOST_CELLS} cells. The table has all {len(summary.cells):,}.\n\n"
    charts = [chart for chart in list_charts(summary, campaign) if chart.page in (page, "both")]
    images = [chart_image(chart, folder) for chart in charts]
    return "".join(f"{text}\n\n" for text in [*images, *describe_missing(summary, campaign)])


def chart_image(chart: Chart, folder: str) -> str:
    """Return one chart as Markdown; ``folder`` is relative to the page."""
    return f"![{_escape(chart.alt)}]({folder}/{quote(chart.name)})"


def describe_missing(summary: ExperimentSummary, campaign: Campaign) -> list[str]:
    """Return a sentence in the place of each chart that would show nothing."""
    if summary.is_open:
        return []
    heat = find_heat(summary)
    said = [f"{heat.finding}, so there is no heat map." if heat and not heat.significant else ""]
    said.append(_describe_missing_ratios(summary, chart_axes(summary, campaign)))
    return [text for text in said if text]


def _describe_missing_ratios(summary: ExperimentSummary, axes: Sequence[str]) -> str:
    tested = tested_rows(summary)
    if not any(cell.ratio for cell in summary.cells if has_ratio(cell)):
        return "No row has a ratio to the baseline, so there is no chart of them."
    if not tested or not all(cell.noise for cell in tested):
        return ""
    return f"{say_ratios(summary, axes)}, so there is no chart of the ratios."


def chart_name(experiment: ShownExperiment, kind: str = "") -> str:
    """Return the file of a chart: of the ratios, or of a ``kind`` such as 'hero', 'time' or the axis of curves."""
    # No name has a '~', so that the charts of 'x' are never those of an experiment 'x-time'.
    return f"{experiment.name}{kind and f'~{kind}'}.svg"


def curves_of(summary: ExperimentSummary, campaign: Campaign) -> list[Curves]:
    """Return the curves over each axis of which a line has results for at least three values."""
    measured = [cell.shown for cell in summary.cells if cell.shown.arm == "a" and cell.rows_per_s is not None]
    # Of the upper bounds only pgbench: it runs with every pool, on the scale of the loaders.
    shown = [cell for cell in measured if cell.cell.loader == PGBENCH or not is_ceiling(cell.cell)]
    listed = campaign.description.listed(summary.experiment.name)
    every = [_curves(axis, shown, listed) for axis in CURVE_AXES]
    return [curves for curves in every if any(_length(line, curves.axis) >= _FEWEST_VALUES for line in curves.lines)]


def _curves(axis: str, shown: Sequence[ShownCell], listed: Mapping[str, Sequence[Any]]) -> Curves:
    lines = _group_lines(shown, _line_axes(shown, listed, axis))
    # A single point is no line, and takes no part in the labels.
    shown = [cell for line in lines if _length(line, axis) > 1 for cell in line.cells]
    axes = _line_axes(shown, listed, axis)
    values = sorted({value_text(cell.cell, axis) for cell in shown}, key=_natural)
    return Curves(axis, tuple(values), axes, tuple(_group_lines(shown, axes)))


def _line_axes(shown: Sequence[ShownCell], listed: Mapping[str, Sequence[Any]], axis: str) -> tuple[str, ...]:
    return setting_first(label_axes([cell.cell for cell in shown], listed, over=axis))


def _group_lines(shown: Sequence[ShownCell], axes: Sequence[str]) -> list[Line]:
    lines: dict[tuple[str, ...], list[ShownCell]] = {}
    for cell in shown:
        lines.setdefault(label_of(cell.cell, axes), []).append(cell)
    return [Line(label, tuple(cells)) for label, cells in lines.items()]


def _length(line: Line, axis: str) -> int:
    return len({cell.cell.value(axis) for cell in line.cells})


def _natural(text: str) -> tuple[list[int], str]:
    """Sort numbers by size, versions by number, free-threaded builds after their own."""
    return [int(number) for number in re.findall(r"\d+", text)], re.sub(r"\d+", "", text)


def _escape(text: str) -> str:
    """Escape a text for the brackets of an image in Markdown, on one line."""
    return re.sub(r"([\\\[\]`*_<>])", r"\\\1", " ".join(text.split()))
