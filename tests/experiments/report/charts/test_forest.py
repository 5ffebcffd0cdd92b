from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.analysis.stats import Estimate
from experiments.report.charts.canvas import WIDTH, Sheet
from experiments.report.charts.colors import PAPER
from experiments.report.charts.forest import Forest, ForestRow, Mark

BASELINE = ForestRow(("a",), ("x",), ("10,000", "20.0"), Mark.BASELINE, None)
FASTER = ForestRow(("a",), ("y",), ("15,000", "15.0"), Mark.SIGNIFICANT, Estimate(1.5, 1.4, 1.6, 0.001))
AGAIN = ForestRow(("a",), ("x",), ("10,010", "20.0"), Mark.AGAIN, Estimate(1.001))


def draw(*rows: ForestRow, floor: float | None = 1.05) -> Figure:
    forest = Forest(("pool size", "loader"), rows, floor)
    figure = Figure()
    forest.draw(Sheet(figure, max(WIDTH, forest.width), forest.height), 0.0)
    return figure


def points(figure: Figure, gid: str) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in np.asarray(line(figure, gid).get_xydata())]


def line(figure: Figure, gid: str) -> Line2D:
    return next(line for line in figure.axes[0].lines if line.get_gid() == gid)


def test_points_stand_at_their_ratio_in_their_row_and_the_baseline_at_1() -> None:
    figure = draw(BASELINE, AGAIN, FASTER)
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
    noise = ForestRow(("a",), ("z",), ("10,100", "20.0"), Mark.NOISE, Estimate(1.01, 0.98, 1.04, 0.4))
    figure = draw(BASELINE, FASTER, noise)
    assert line(figure, "not-significant").get_markerfacecolor() == PAPER
    assert line(figure, "significant").get_markerfacecolor() == line(figure, "significant").get_markeredgecolor()


def test_many_rows_stand_below_headings_of_their_settings_where_those_have_several() -> None:
    def rows(settings: int, loaders: int) -> tuple[ForestRow, ...]:
        each = [(f"s{number}", f"l{loader}") for number in range(settings) for loader in range(loaders)]
        return tuple(ForestRow((one,), (two,), ("1", "1"), Mark.NOISE, Estimate(1.0)) for one, two in each)

    made = [Forest(("pool size", "loader"), rows(*counts), None) for counts in ((4, 3), (3, 3), (12, 1), (1, 12))]
    assert [forest.grouped for forest in made] == [True, False, False, False]
    texts = [text.get_text() for text in draw(*rows(4, 3)).texts]
    assert [text for text in texts if text.startswith("pool size")] == [f"pool size s{number}" for number in range(4)]


@pytest.mark.parametrize(("value", "ends"), [(1.1, (0.8, 1.25)), (1.5, (0.8, 2.0)), (0.03, (0.01, 1.25))])
def test_the_axis_ends_at_one_of_few_values(value: float, ends: tuple[float, float]) -> None:
    row = ForestRow(("a",), ("y",), ("1", "1"), Mark.NOISE, Estimate(value))
    assert draw(BASELINE, row).axes[0].get_xlim() == pytest.approx(ends)


def test_every_text_lies_on_the_paper_and_no_label_reaches_into_the_next_column() -> None:
    long = ForestRow(("row_by_row_" + "long" * 12,), ("x" * 60,), ("1,000,000", "1,234.5"), Mark.NOISE, Estimate(1.0))
    forest = Forest(("pool size", "loader"), (BASELINE, long), 1.05)
    assert forest.width > WIDTH
    figure = draw(BASELINE, long)
    assert all(0 <= text.get_position()[0] <= 1 and 0 <= text.get_position()[1] <= 1 for text in figure.texts)
    assert figure.axes[0].get_position().width * forest.width >= 250
