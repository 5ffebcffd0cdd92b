from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from experiments.analysis.stats import Estimate
from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from experiments.report.charts.canvas import WIDTH, Sheet
from experiments.report.charts.catalog import Curves, Line
from experiments.report.charts.curves import MOST_LINES, Panels, Series, series_of
from tests.experiments.made_summaries import summed


def series(**points: Estimate) -> Series:
    by_value = {value.removeprefix("p").replace("_", "."): point for value, point in points.items()}
    return Series(("x",), (by_value, {value: Estimate(20.0) for value in by_value}))


def draw(axis: str, values: tuple[str, ...], *lines: Series) -> Figure:
    panels = Panels(axis, values, lines, (20_000.0, 100.0), 200.0, 0)
    figure = Figure()
    panels.draw(Sheet(figure, WIDTH, panels.height), 0.0)
    return figure


def drawn(figure: Figure, gid: str) -> list[list[float]]:
    line = next(line for axes in figure.axes for line in axes.lines if line.get_gid() == gid)
    return [[float(x), float(y)] for x, y in np.asarray(line.get_xydata())]


def test_a_line_goes_through_the_medians_at_the_real_pool_sizes() -> None:
    line = series(p1=Estimate(100.0, 90.0, 110.0), p5=Estimate(400.0), p50=Estimate(300.0, 200.0, 350.0))
    figure = draw("poolsize", ("1", "5", "50"), line)
    assert drawn(figure, "line-rows-0-0") == [[1.0, 100.0], [5.0, 400.0], [50.0, 300.0]]
    intervals = next(item for item in figure.axes[0].collections if item.get_gid() == "intervals-rows-0-0")
    assert isinstance(intervals, LineCollection)
    assert [segment[:, 1].tolist() for segment in intervals.get_segments()] == [[90.0, 110.0], [200.0, 350.0]]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["1", "5", "50"]
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_ylim() == (0.0, 20_000.0)


def test_a_line_of_another_workload_counts_operations(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    cell = replace(threaded, workload="fetch")
    shown = ShownCell("sha256:row_by_row_threaded", "a", ("loaders",), cell)
    record = make_record(cell, operations_per_s=45.0, cpu_us_per_operation=5_550.0)
    summary, _ = summed(replace(description, cells=(shown,)), [record], description.experiments[0])
    (line,) = series_of(Curves("poolsize", ("20",), (), (Line(("x",), (shown,)),)), summary)
    assert [points["20"].value for points in line.points] == [45.0, 5_550.0]


def test_a_value_without_a_result_is_a_gap_and_one_of_another_series_is_none() -> None:
    line = series(p3_9=Estimate(1.0), p3_13=Estimate(2.0), p3_13t=Estimate(3.0), p3_14=Estimate(4.0))
    figure = draw("python", ("3.9", "3.10", "3.13", "3.13t", "3.14"), line)
    points = drawn(figure, "line-rows-0-0")
    assert [x for x, _ in points] == [0, 1, 2, 4]
    assert math.isnan(points[1][1])
    assert drawn(figure, "apart-rows-0-0") == [[3.0, 3.0]]


def test_lines_stand_beside_each_other_and_differ_in_more_than_colour() -> None:
    lines = [series(p3_9=Estimate(1.0), p3_10=Estimate(1.0), p3_11=Estimate(1.0)) for _ in range(MOST_LINES)]
    figure = draw("python", ("3.9", "3.10", "3.11"), *lines)
    assert len({drawn(figure, f"line-rows-0-{number}")[0][0] for number in range(MOST_LINES)}) == MOST_LINES
    own = [line for line in figure.axes[0].lines if str(line.get_gid()).startswith("line-")]
    assert len({line.get_marker() for line in own}) == MOST_LINES
    assert all(abs(drawn(figure, str(line.get_gid()))[0][0]) < 0.5 for line in own)


def test_tick_texts_that_would_touch_are_left_out() -> None:
    line = series(p100=Estimate(1.0), p101=Estimate(1.0), p500=Estimate(1.0))
    figure = draw("poolsize", ("100", "101", "500"), line)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["100", "", "500"]


@pytest.mark.parametrize(("count", "stacked"), [(8, False), (9, True)])
def test_panels_stand_below_each_other_where_values_are_many(count: int, stacked: bool) -> None:
    values = tuple(f"3.{minor}" for minor in range(count))
    figure = draw("python", values, series(p3_1=Estimate(1.0)))
    lefts = [axes.get_position().x0 for axes in figure.axes]
    assert len(set(lefts)) == (1 if stacked else 2)
