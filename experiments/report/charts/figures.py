"""Sheets of an experiment's charts: title, question, key, the chart itself, machine and method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from experiments.analysis.stats import FEWEST_BLOCKS, FEWEST_FOR_MEDIAN, format_floor
from experiments.analysis.summary import ExperimentSummary
from experiments.formatting import NOTHING, count, in_units
from experiments.records.campaign import Campaign
from experiments.report.charts.canvas import WIDTH, Key, Lines, Piece, charting, draw_page, split_evenly
from experiments.report.charts.catalog import Curves, chart_name, curves_of
from experiments.report.charts.curves import (
    APART_ENTRY,
    MOST_LINES,
    Panels,
    Series,
    is_apart,
    peaks_of,
    series_of,
    tops_of,
)
from experiments.report.charts.forest import Forest, forest_rows
from experiments.report.charts.heat_facts import find_heat
from experiments.report.charts.heatmap import HeatMap
from experiments.report.charts.hero import draw_hero
from experiments.report.charts.hero_facts import find_hero
from experiments.report.charts.latency import first_saturated, highest_rate, latency_panels, latency_series
from experiments.report.charts.rows import MOST_ROWS, chart_axes, has_time
from experiments.report.charts.time_bars import Bars, time_rows
from experiments.report.charts.titles import say_limits, say_peaks, say_ratios, say_saturation
from experiments.report.labels import headings, join_label, name_setting

_ALONE_HEIGHT = 190.0
_ONE_OF_MANY_HEIGHT = 100.0
_SIGNIFICANT = "significant: beyond the noise floor, and p < 0.05 adjusted by Holm for all rows"


@dataclass(frozen=True)
class Drawing:
    """Content of one sheet: what one sees, the pieces, and how it was measured."""

    title: str
    pieces: Sequence[Piece]
    how: Sequence[str]
    width: float = WIDTH


Draw = Callable[[ExperimentSummary, Campaign], Drawing]


def draw_charts(summary: ExperimentSummary, campaign: Campaign, alts: Mapping[str, str]) -> dict[str, bytes]:
    """Draw the charts named in ``alts`` as SVG; its texts become the descriptions inside the files."""
    kinds: dict[str, Draw] = {
        "": _forest,
        "front": partial(_forest, most=MOST_ROWS),
        "heatmap": _heat,
        "time": _time,
        "latency": _latency,
        **{curves.axis: partial(_curves, curves=curves) for curves in curves_of(summary, campaign)},
    }
    named = {chart_name(summary.experiment, kind): draw for kind, draw in kinds.items()}
    with charting():
        return {
            name: _sheet(summary, campaign, named[name](summary, campaign), alt)
            if name in named
            else _hero(summary, campaign, alt)
            for name, alt in alts.items()
        }


def _hero(summary: ExperimentSummary, campaign: Campaign, alt: str) -> bytes:
    hero = find_hero(campaign.description, summary)
    if hero is None:
        raise ValueError(f"{summary.experiment.name}: has no hero")
    how = [*_where(campaign), count(campaign.description.repeats, "block"), "medians"]
    return draw_hero(hero, "; ".join(how), alt)


def _heat(summary: ExperimentSummary, campaign: Campaign) -> Drawing:
    heat = find_heat(summary)
    if heat is None:
        raise ValueError(f"{summary.experiment.name}: has no settings to compare")
    how = ["ratio of rows/s to threads with the same driver in the same setting", f"coloured: {_SIGNIFICANT}"]
    return Drawing(heat.finding, [HeatMap(heat).key, HeatMap(heat)], [in_units(text, summary.unit) for text in how])


def _forest(summary: ExperimentSummary, campaign: Campaign, most: int | None = None) -> Drawing:
    axes = chart_axes(summary, campaign)
    rows = forest_rows(summary, axes, most)
    forest = Forest(tuple(headings(axes)), rows, summary.floor, summary.unit)
    width = max(WIDTH, forest.width)
    how = [
        f"ratio paired within blocks, {_interval(campaign, FEWEST_BLOCKS)}",
        in_units("rows/s and client CPU: median", summary.unit),
    ]
    how += [] if summary.floor is None else [_SIGNIFICANT]
    others = len(summary.cells) - len(rows)
    how += [f"{count(others, 'row')} of the table not shown"] if others else []
    return Drawing(say_ratios(summary, axes), [forest.key(width), forest], how, width)


def _latency(summary: ExperimentSummary, campaign: Campaign) -> Drawing:
    series = latency_series(summary, chart_axes(summary, campaign))
    pieces: list[Piece] = []
    for panels in latency_panels(series, summary.unit):
        pieces += [panels.key(WIDTH), panels]
    how = [f"percentiles, the medians of the runs, {_interval(campaign, FEWEST_FOR_MEDIAN)}"]
    how += ["grey: the other lines of this chart"] if len(pieces) > 2 else []
    return Drawing(say_saturation(first_saturated(series), highest_rate(series), summary.unit), pieces, how)


def _time(summary: ExperimentSummary, campaign: Campaign) -> Drawing:
    axes = chart_axes(summary, campaign)
    bars = Bars(tuple(headings(axes)), time_rows(summary.cells, axes), summary.unit)
    width = max(WIDTH, bars.width)
    how = [
        "cores in use: of those that each side can use, Python above, PostgreSQL below; full from the dotted line on"
    ]
    how += ["median of each part; queueing is the rest: waits for the interpreter's lock or the event loop"]
    how += ["beyond 100%: the server's background processes are no workers"] if bars.overlap else []
    return Drawing(say_limits([cell for cell in summary.cells if has_time(cell)]), [bars.key(width), bars], how, width)


def _curves(summary: ExperimentSummary, campaign: Campaign, curves: Curves) -> Drawing:
    series = series_of(curves, summary)
    groups, tops = _groups(series), tops_of(series)
    pieces: list[Piece] = []
    for number, (heading, members) in enumerate(groups):
        panels = Panels(
            axis=curves.axis,
            values=curves.values,
            series=tuple(members),
            tops=tops,
            panel_height=_ONE_OF_MANY_HEIGHT if len(groups) > 1 else _ALONE_HEIGHT,
            number=number,
            unit=summary.unit,
            last=number + 1 == len(groups),
        )
        texts = [join_label(one.label[len(heading) :]) for one in members]
        name = name_setting(headings(curves.label_axes), heading)
        pieces += [Lines((name,), size=9.0, weight="bold")] if name else []
        pieces += [panels.key(WIDTH, texts), panels]
    how = [f"median, {_interval(campaign, FEWEST_FOR_MEDIAN)}"]
    apart = [APART_ENTRY] if any(is_apart(curves.axis, value) for value in curves.values) else []
    return Drawing(say_peaks(curves.axis, peaks_of(series)), [Key(tuple(apart), WIDTH), *pieces], how)


def _groups(series: Sequence[Series]) -> list[tuple[tuple[str, ...], Sequence[Series]]]:
    """Group the lines by as few of their first axes as leave no more than ``MOST_LINES`` in a panel.

    The last one is the loader, which stays in the key: many loaders of a setting have several panels.
    """
    groups: dict[tuple[str, ...], list[Series]] = {}
    for depth in range(max(1, len(series[0].label))):
        groups = {}
        for one in series:
            groups.setdefault(one.label[:depth], []).append(one)
        if max(map(len, groups.values())) <= MOST_LINES:
            break
    return [(heading, part) for heading, members in groups.items() for part in split_evenly(members, MOST_LINES)]


def _interval(campaign: Campaign, fewest: int) -> str:
    enough = campaign.description.repeats >= fewest
    return "95% interval" if enough else f"without intervals, which need {fewest} blocks"


def _where(campaign: Campaign) -> list[str]:
    facts = campaign.description.environment
    cores = f"{len(facts.cores_allowed)} of {facts.cores or NOTHING} cores"
    return [campaign.description.campaign, f"{facts.cpu or 'unknown CPU'}, {cores}"]


def _sheet(summary: ExperimentSummary, campaign: Campaign, drawing: Drawing, alt: str) -> bytes:
    """Draw the pieces below title and question, above footnotes about machine and method."""
    blocks = count(campaign.description.repeats, "block")
    numbers = "; ".join([blocks, f"noise floor {format_floor(summary.floor)}", *drawing.how])
    question = f"{summary.experiment.name}: {summary.experiment.question}"
    foot = ["; ".join(_where(campaign)), numbers]
    return draw_page(drawing.title, question, drawing.pieces, foot, drawing.width, alt)
