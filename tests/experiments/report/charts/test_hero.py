from __future__ import annotations

from collections.abc import Callable

from experiments.analysis.summary import ExperimentSummary
from experiments.records.campaign import Campaign
from experiments.report.charts.catalog import list_charts
from experiments.report.charts.figures import draw_charts
from tests.experiments.report.test_charts import parse, texts

Question = Callable[[float], tuple[ExperimentSummary, Campaign]]


def test_the_first_chart_of_the_question_has_both_panels_and_is_at_most_420_pixels_high(question: Question) -> None:
    summary, campaign = question(1.0)
    chart = list_charts(summary, campaign)[0]
    assert (chart.name, chart.page) == ("io_or_cpu~hero.svg", "both")
    svg = draw_charts(summary, campaign, {chart.name: chart.alt})[chart.name]
    root, written = parse(svg), texts(svg)
    ids = {element.get("id") for element in root.iter()}
    lines = {f"line-{kind}-{number}" for kind in ("durable-commit", "commit-does-not-wait") for number in range(3)}
    assert lines | {f"{side}-{number}" for side in ("Python", "PostgreSQL") for number in range(2)} <= ids
    assert {"rows/s", "connections (log scale)", "CPU µs per row (20 connections, durable commit)"} <= set(written)
    assert {"All clients hit the same ceiling: PostgreSQL's core", "pgbench, the bound", "durable commit"} <= set(
        written
    )
    # 675 points are shown as 900 pixels.
    assert float(str(root.get("height")).removesuffix("pt")) * 900 / 675 <= 420
