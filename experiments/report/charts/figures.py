"""The sheets of an experiment's charts: title, question, key, the chart itself, and where and how it was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.stats import FEWEST_BLOCKS, FEWEST_FOR_MEDIAN
from experiments.analysis.summary import ExperimentSummary, summarize
from experiments.formatting import NOTHING, axis_name, count
from experiments.records.description import Description, ShownExperiment
from experiments.records.record import Record
from experiments.report.charts.canvas import (
    BODY,
    GREY,
    PADDING,
    SMALL,
    TITLE,
    WIDTH,
    Key,
    Lines,
    Piece,
    charting,
    draw_sheet,
    wrap,
)
from experiments.report.charts.catalog import Curves, curve_name, curves_of, forest_name, time_name
from experiments.report.charts.curves import (
    METRICS,
    MOST_LINES,
    Panels,
    Series,
    apart_entry,
    is_apart,
    series_of,
    top_of,
)
from experiments.report.charts.forest import Forest, forest_rows
from experiments.report.charts.time_bars import Bars, time_rows
from experiments.report.labels import headings, label_axes

_ALONE_HEIGHT = 210.0
_ONE_OF_MANY_HEIGHT = 92.0
_TOLD_APART = "told apart: beyond the noise floor, and p < 0.05 adjusted by Holm for all rows"


def draw_charts(
    description: Description, records: Sequence[Record], experiment: ShownExperiment, alts: Mapping[str, str]
) -> dict[str, bytes]:
    """Every chart that ``alts`` names, as SVG; the texts there become the descriptions inside the files."""
    summary = summarize(description, records, experiment)
    with charting():
        name = forest_name(experiment)
        drawn = {name: _forest_sheet(description, summary, alts[name])}
        for curves in curves_of(description, experiment):
            name = curve_name(experiment, curves.axis)
            drawn[name] = _curve_sheet(description, summary, curves, alts[name])
        name = time_name(experiment)
        if name in alts:
            drawn[name] = _time_sheet(description, summary, alts[name])
    return drawn


def _forest_sheet(description: Description, summary: ExperimentSummary, alt: str) -> bytes:
    cells = [cell.shown.cell for cell in summary.cells]
    listed = description.matrix["experiments"][summary.experiment.name]["matrix"]
    axes = label_axes(cells, listed)
    forest = Forest(tuple(headings(axes)), forest_rows(summary, axes), summary.floor)
    width = max(WIDTH, forest.width)
    how = [f"ratio paired within blocks, {_interval(description, FEWEST_BLOCKS)}", "rows/s and client CPU: median"]
    how += [] if summary.floor is None else [_TOLD_APART]
    foot = _foot(description, summary, how, width)
    title = summary.experiment.name
    return draw_sheet([*_head(title, summary, width), forest.key(width), forest, foot], width, title, alt)


def _time_sheet(description: Description, summary: ExperimentSummary, alt: str) -> bytes:
    cells = [cell.shown.cell for cell in summary.cells]
    axes = label_axes(cells, description.matrix["experiments"][summary.experiment.name]["matrix"])
    bars = Bars(tuple(headings(axes)), time_rows(summary.cells, axes))
    width = max(WIDTH, bars.width)
    how = ["median of each part; queueing is what is left: the interpreter's lock, the event loop, a core"]
    how += ["cores: what each side used of those that it can use; a wait for a commit includes that for a core"]
    how += ["beyond 100%: the server's processes in the background are no workers"] if bars.overlap else []
    foot = _foot(description, summary, how, width)
    title = f"{summary.experiment.name}: where the time goes"
    return draw_sheet([*_head(title, summary, width), bars.key(width), bars, foot], width, title, alt)


def _curve_sheet(description: Description, summary: ExperimentSummary, curves: Curves, alt: str) -> bytes:
    series = series_of(curves, summary)
    groups = _groups(series)
    pieces: list[Piece] = []
    for number, (name, members) in enumerate(groups.items()):
        pieces += _group(curves, name, members, series, (number, len(groups)))
    how = [f"median, {_interval(description, FEWEST_FOR_MEDIAN)}"]
    how += ["grey: the other lines of this chart"] if len(groups) > 1 else []
    foot = _foot(description, summary, how, WIDTH)
    apart = [apart_entry()] if any(is_apart(curves.axis, value) for value in curves.values) else []
    title = f"{summary.experiment.name}, over {axis_name(curves.axis)}"
    return draw_sheet([*_head(title, summary, WIDTH), Key(tuple(apart), WIDTH), *pieces, foot], WIDTH, title, alt)


def _groups(series: Sequence[Series]) -> dict[tuple[str, ...], list[Series]]:
    """The lines by as many of their first axes as it takes to have few enough in each panel."""
    axes = len(series[0].label)
    for depth in range(axes + 1):
        groups: dict[tuple[str, ...], list[Series]] = {}
        for one in series:
            groups.setdefault(one.label[:depth], []).append(one)
        if max(map(len, groups.values())) <= MOST_LINES:
            break
    return groups


def _group(
    curves: Curves, name: tuple[str, ...], members: list[Series], every: Sequence[Series], place: tuple[int, int]
) -> list[Piece]:
    """A line of panels with its heading and its key. ``place`` is its number, from 0, and how many there are."""
    others = tuple(one for one in every if one not in members)
    panels = Panels(
        axis=curves.axis,
        values=curves.values,
        series=tuple(members),
        others=others,
        tops=tuple(top_of(every, metric) for metric in range(len(METRICS))),
        panel_height=_ONE_OF_MANY_HEIGHT if name else _ALONE_HEIGHT,
        number=place[0],
        last=place[0] + 1 == place[1],
    )
    texts = [_line_text(one.label[len(name) :]) for one in members]
    heading = [Lines((_line_text(name),), size=9.0, weight="bold")] if name else []
    key = [panels.key(WIDTH, texts)] if len(members) > 1 or not name else []
    return [*heading, *key, panels]


def _line_text(label: Sequence[str]) -> str:
    return ", ".join(text for text in label if text != NOTHING) or "all"


def _head(title: str, summary: ExperimentSummary, width: float) -> list[Piece]:
    question = wrap(summary.experiment.question, width - 2 * PADDING, BODY)
    return [Lines((title,), size=TITLE, weight="bold"), Lines(question, size=BODY, below=8.0)]


def _interval(description: Description, fewest: int) -> str:
    return "95% interval" if description.repeats >= fewest else f"without intervals, which need {fewest} blocks"


def _foot(description: Description, summary: ExperimentSummary, how: Sequence[str], width: float) -> Lines:
    """Where it was measured, and how the numbers are meant."""
    facts = description.environment
    cores = f"{len(facts.get('cores_allowed') or [])} of {facts.get('cores', NOTHING)} cores"
    where = f"{description.campaign}; {facts.get('cpu') or 'a CPU that does not tell its name'}, {cores}"
    floor = "not known" if summary.floor is None else f"{summary.floor - 1:.1%}"
    numbers = "; ".join([count(description.repeats, "block"), f"noise floor {floor}", *how])
    lines = [line for text in (where, numbers) for line in wrap(text, width - 2 * PADDING, SMALL)]
    return Lines(tuple(lines), color=GREY)
