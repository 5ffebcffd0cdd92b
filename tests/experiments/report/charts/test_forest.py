from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.analysis.stats import Estimate
from experiments.report.charts.canvas import WIDTH, Sheet
from experiments.report.charts.forest import Forest, ForestRow, Mark

BASELINE = ForestRow(("a", "x"), ("10,000", "20.0"), Mark.BASELINE, None)
FASTER = ForestRow(("a", "y"), ("15,000", "15.0"), Mark.SIGNIFICANT, Estimate(1.5, 1.4, 1.6, 0.001))
MISSING = ForestRow(("b", "y"), ("–", "–"), Mark.UNCLAIMED, None, "cannot run")  # noqa: RUF001


def draw(*rows: ForestRow, floor: float | None = 1.05) -> Figure:
    forest = Forest(("loader", "loop"), rows, floor)
    figure = Figure()
    forest.draw(Sheet(figure, max(WIDTH, forest.width), forest.height), 0.0)
    return figure


def points(figure: Figure, gid: str) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in np.asarray(line(figure, gid).get_xydata())]


def line(figure: Figure, gid: str) -> Line2D:
    return next(line for line in figure.axes[0].lines if line.get_gid() == gid)


def test_points_stand_at_their_ratio_in_their_row_and_the_baseline_at_1() -> None:
    figure = draw(BASELINE, MISSING, FASTER)
    assert points(figure, "baseline") == [[1.0, 0.0]]
    assert points(figure, "significant") == [[1.5, 2.0]]
    intervals = next(item for item in figure.axes[0].collections if item.get_gid() == "intervals")
    assert isinstance(intervals, LineCollection)
    assert [segment.tolist() for segment in intervals.get_segments()] == [[[1.4, 2.0], [1.6, 2.0]]]


def test_the_band_reaches_as_far_to_either_side_as_noise_does() -> None:
    axes = draw(BASELINE, FASTER).axes[0]
    band = next(patch for patch in axes.patches if patch.get_gid() == "noise-floor")
    assert band.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx([1 / 1.05, 1.05])
    assert not draw(BASELINE, FASTER, floor=None).axes[0].patches


def test_what_is_told_apart_is_filled_and_what_is_not_is_hollow() -> None:
    noise = ForestRow(("a", "z"), ("10,100", "20.0"), Mark.NOISE, Estimate(1.01, 0.98, 1.04, 0.4))
    figure = draw(BASELINE, FASTER, noise)
    assert line(figure, "not-significant").get_markerfacecolor() == "white"
    assert line(figure, "significant").get_markerfacecolor() == line(figure, "significant").get_markeredgecolor()


def test_many_rows_stand_below_headings_of_the_first_axis_where_that_is_in_order() -> None:
    ordered = [ForestRow((first, str(n)), ("1", "1"), Mark.NOISE, Estimate(1.0)) for first in "ab" for n in range(7)]
    assert Forest(("loader", "loop"), tuple(ordered), None).grouped
    assert not Forest(("loader", "loop"), tuple(ordered[:6]), None).grouped
    assert not Forest(("loader", "loop"), (*ordered, ordered[0]), None).grouped
    texts = [text.get_text() for text in draw(*ordered).texts]
    assert texts.count("loader a") == texts.count("loader b") == 1


def test_every_text_lies_on_the_paper_and_no_label_reaches_into_the_next_column() -> None:
    long = ForestRow(("row_by_row_" + "long" * 12, "x" * 60), ("1,000,000", "1,234.5"), Mark.NOISE, Estimate(1.0))
    forest = Forest(("loader", "loop"), (BASELINE, long), 1.05)
    assert forest.width > WIDTH
    figure = draw(BASELINE, long)
    assert all(0 <= text.get_position()[0] <= 1 and 0 <= text.get_position()[1] <= 1 for text in figure.texts)
    assert figure.axes[0].get_position().width * forest.width >= 250
