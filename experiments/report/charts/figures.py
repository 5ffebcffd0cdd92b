"""Sheets of an experiment's charts: title, question, key, the chart itself, machine and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.analysis.stats import FEWEST_BLOCKS, FEWEST_FOR_MEDIAN, format_floor
from experiments.analysis.summary import ExperimentSummary
from experiments.formatting import NOTHING, axis_name, count, in_units
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.report.charts.canvas import WIDTH, Key, Lines, Piece, charting, draw_page
from experiments.report.charts.catalog import Curves, chart_name, curves_of, is_open
from experiments.report.charts.curves import APART_ENTRY, MOST_LINES, Panels, Series, is_apart, series_of, tops_of
from experiments.report.charts.forest import Forest, forest_rows
from experiments.report.charts.latency import latency_panels, latency_series
from experiments.report.charts.time_bars import Bars, time_rows
from experiments.report.labels import headings, join_label, label_axes

_ALONE_HEIGHT = 210.0
_ONE_OF_MANY_HEIGHT = 92.0
_MOST_OTHERS = 100
_SIGNIFICANT = "significant: beyond the noise floor, and p < 0.05 adjusted by Holm for all rows"


def draw_charts(summary: ExperimentSummary, campaign: Campaign, alts: Mapping[str, str]) -> dict[str, bytes]:
    """Draw the charts named in ``alts`` as SVG; its texts become the descriptions inside the files."""
    description, experiment = campaign.description, summary.experiment
    if not alts:
        return {}
    with charting():
        if is_open(description, experiment):
            return {name: _latency_sheet(description, summary, alt) for name, alt in alts.items()}
        drawn = {(name := chart_name(experiment)): _forest_sheet(description, summary, alts[name])}
        for curves in curves_of(description, experiment):
            name = chart_name(experiment, curves.axis)
            drawn[name] = _curve_sheet(description, summary, curves, alts[name])
        if (name := chart_name(experiment, "time")) in alts:
            drawn[name] = _time_sheet(description, summary, alts[name])
    return drawn


def _forest_sheet(description: Description, summary: ExperimentSummary, alt: str) -> bytes:
    axes = _label_axes(description, summary)
    forest = Forest(tuple(headings(axes)), forest_rows(summary, axes), summary.floor, summary.unit)
    width = max(WIDTH, forest.width)
    how = [
        f"ratio paired within blocks, {_interval(description, FEWEST_BLOCKS)}",
        in_units("rows/s and client CPU: median", summary.unit),
    ]
    how += [] if summary.floor is None else [_SIGNIFICANT]
    return _sheet(description, summary, summary.experiment.name, [forest.key(width), forest], how, width, alt)


def _latency_sheet(description: Description, summary: ExperimentSummary, alt: str) -> bytes:
    series = latency_series(summary, _label_axes(description, summary))
    pieces: list[Piece] = []
    for panels in latency_panels(series, summary.unit):
        pieces += [panels.key(WIDTH), panels]
    how = [f"percentiles of all runs together, {_interval(description, FEWEST_FOR_MEDIAN)}"]
    how += ["grey: the other lines of this chart"] if len(pieces) > 2 else []
    return _sheet(description, summary, f"{summary.experiment.name}: latency over load", pieces, how, WIDTH, alt)


def _time_sheet(description: Description, summary: ExperimentSummary, alt: str) -> bytes:
    axes = _label_axes(description, summary)
    bars = Bars(tuple(headings(axes)), time_rows(summary.cells, axes), summary.unit)
    width = max(WIDTH, bars.width)
    how = [
        "cores in use: of those that each side can use, Python above, PostgreSQL below; full from the dotted line on"
    ]
    how += ["median of each part; queueing is the rest: waits for the interpreter's lock or the event loop"]
    how += ["beyond 100%: the server's background processes are no workers"] if bars.overlap else []
    title = f"{summary.experiment.name}: where the time goes"
    return _sheet(description, summary, title, [bars.key(width), bars], how, width, alt)


def _curve_sheet(description: Description, summary: ExperimentSummary, curves: Curves, alt: str) -> bytes:
    series = series_of(curves, summary)
    groups, tops = _groups(series), tops_of(series)
    # More lines in each panel tell nothing, and make the chart grow with their square.
    shown = series if len(series) <= _MOST_OTHERS else ()
    pieces: list[Piece] = []
    for number, (name, members) in enumerate(groups.items()):
        pieces += _group(curves, name, members, shown, tops, (number, len(groups)), summary.unit)
    how = [f"median, {_interval(description, FEWEST_FOR_MEDIAN)}"]
    how += ["grey: the other lines of this chart"] if len(groups) > 1 and shown else []
    apart = [APART_ENTRY] if any(is_apart(curves.axis, value) for value in curves.values) else []
    title = f"{summary.experiment.name}, over {axis_name(curves.axis)}"
    return _sheet(description, summary, title, [Key(tuple(apart), WIDTH), *pieces], how, WIDTH, alt)


def _groups(series: Sequence[Series]) -> dict[tuple[str, ...], list[Series]]:
    """Group the lines by as few of their first axes as leave no more than ``MOST_LINES`` in a panel."""
    axes = len(series[0].label)
    for depth in range(axes + 1):
        groups: dict[tuple[str, ...], list[Series]] = {}
        for one in series:
            groups.setdefault(one.label[:depth], []).append(one)
        if max(map(len, groups.values())) <= MOST_LINES:
            break
    return groups


def _group(
    curves: Curves,
    name: tuple[str, ...],
    members: list[Series],
    shown: Sequence[Series],
    tops: tuple[float | None, ...],
    place: tuple[int, int],
    unit: str,
) -> list[Piece]:
    """Return the panels of one group with heading and key. ``place`` is its number, from 0, and their count."""
    panels = Panels(
        axis=curves.axis,
        values=curves.values,
        series=tuple(members),
        others=tuple(one for one in shown if one not in members),
        tops=tops,
        panel_height=_ONE_OF_MANY_HEIGHT if name else _ALONE_HEIGHT,
        number=place[0],
        unit=unit,
        last=place[0] + 1 == place[1],
    )
    texts = [join_label(one.label[len(name) :]) for one in members]
    heading = [Lines((join_label(name),), size=9.0, weight="bold")] if name else []
    key = [panels.key(WIDTH, texts)] if len(members) > 1 or not name else []
    return [*heading, *key, panels]


def _interval(description: Description, fewest: int) -> str:
    return "95% interval" if description.repeats >= fewest else f"without intervals, which need {fewest} blocks"


def _label_axes(description: Description, summary: ExperimentSummary) -> tuple[str, ...]:
    return label_axes([cell.shown.cell for cell in summary.cells], description.listed(summary.experiment.name))


def _sheet(
    description: Description,
    summary: ExperimentSummary,
    title: str,
    pieces: Sequence[Piece],
    how: Sequence[str],
    width: float,
    alt: str,
) -> bytes:
    """Draw the pieces between title and question and the footnotes about machine and method."""
    facts = description.environment
    cores = f"{len(facts.cores_allowed)} of {facts.cores or NOTHING} cores"
    where = f"{description.campaign}; {facts.cpu or 'unknown CPU'}, {cores}"
    numbers = "; ".join([count(description.repeats, "block"), f"noise floor {format_floor(summary.floor)}", *how])
    return draw_page(title, summary.experiment.question, pieces, [where, numbers], width, alt)
