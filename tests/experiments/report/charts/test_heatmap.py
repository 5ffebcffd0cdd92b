from __future__ import annotations

from collections.abc import Callable

import pytest

from experiments.analysis.stats import Estimate, Ratio
from experiments.analysis.summary import ExperimentSummary
from experiments.records.campaign import Campaign
from experiments.report.charts.catalog import chart_images
from experiments.report.charts.figures import draw_charts
from experiments.report.charts.heat_facts import Grid, Heat, find_heat
from experiments.report.charts.heatmap import HeatMap
from tests.experiments.report.test_charts import parse, texts

Question = Callable[[float], tuple[ExperimentSummary, Campaign]]


def test_each_setting_has_a_cell_with_its_ratio(question: Question) -> None:
    summary, campaign = question(0.5)
    heat = find_heat(summary)
    assert heat is not None
    assert (heat.heading, heat.rows, heat.pools) == ("PostgreSQL", ("default", "async_commit"), (1, 5, 20))
    assert heat.finding.startswith(
        "Event loops differ significantly from threads in 6 of 6 comparisons; most: uvloop, 0."
    )
    svg = draw_charts(summary, campaign, {"io_or_cpu~heatmap.svg": "alt"})["io_or_cpu~heatmap.svg"]
    ids = [element.get("id") or "" for element in parse(svg).iter()]
    assert sorted(one for one in ids if one.startswith("cell-")) == [
        f"cell-0-{x}-{y}" for x in range(3) for y in range(2)
    ]
    assert "uvloop ÷ threads (psycopg2, aiopg)" in texts(svg)
    assert texts(svg).count("0.50") == 6


def test_where_no_cell_differs_there_is_a_sentence(question: Question) -> None:
    summary, campaign = question(1.0)
    images = chart_images(summary, campaign, "charts")
    assert "threads in none of 6 comparisons (1.00x), so there is no heat map." in images
    assert "~heatmap" not in images


@pytest.mark.parametrize(
    ("value", "noise", "meaning"),
    [
        (0.7, False, "threads more than 1.2x as fast"),
        (0.9, False, "threads faster"),
        (1.1, False, "event loop faster"),
        (1.2, False, "more than 1.2x as fast"),
        (1.5, True, "not significant"),
        (1.5, None, "not significant"),
    ],
)
def test_a_colour_means_the_same_everywhere(value: float, noise: bool | None, meaning: str) -> None:
    grid = Grid("asyncio", "psycopg 3", {("default", 5): Ratio(Estimate(value), noise)})
    assert [text for text, _ in HeatMap(Heat((grid,), "PostgreSQL", ("default",), (5,))).key.entries] == [meaning]
