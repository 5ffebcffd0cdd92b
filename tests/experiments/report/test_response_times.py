"""Tables, CSV, chart and model page of open loops."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.queueing.model import model_cells
from experiments.analysis.queueing.open_loop import model_responses
from experiments.analysis.summary import summarize
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.charts.catalog import list_charts
from experiments.report.charts.figures import draw_charts
from experiments.report.queueing import model_page
from experiments.report.tables import csv_table, markdown_table, terminal_table
from tests.experiments.made_open_loops import open_campaign


@pytest.fixture
def campaign(description: Description, make_record: Callable[..., Record]) -> Campaign:
    return open_campaign(description, make_record)


def rows_of(table: str) -> list[list[str]]:
    """The cells of the Markdown table, headings first."""
    lines = [line for line in table.splitlines() if line.startswith("|") and not set(line) <= set("|:- ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_table_has_response_times_in_the_place_of_throughput(campaign: Campaign) -> None:
    summary = summarize(campaign, campaign.description.experiments[0])
    table = markdown_table(summary, campaign)
    heads, *rows = rows_of(table)
    assert heads[:5] == ["loader", "arrivals", "operations/s offered", "operations/s reached", "p50 ms"]
    found = {(row[0], row[1], row[-1]): dict(zip(heads, row, strict=True)) for row in rows}
    baseline = found["psycopg2 · threads", "50%", "baseline"]
    assert (baseline["operations/s offered"], baseline["p99 ratio (95% interval)"]) == ("1,000", "1")
    assert baseline["p99 ms"] == "9.99 (9.8 to 10.2)"
    assert found["psycopg2 · threads", "90%", "the baseline's loader"]["p99 ratio (95% interval)"] == "1"
    loader = found["aiopg · uvloop", "50%", ""]
    assert loader["p99 ratio (95% interval)"].startswith("2.0")
    assert (loader["start delay p99 µs"], loader["core wait µs/operation"]) == ("300", "10.0")
    saturated = found["aiopg · uvloop", "90%", ""]
    assert [saturated[name] for name in ("p50 ms", "p99 ms", "max ms", "queue at end")] == ["saturated", "–", "–", "40"]  # noqa: RUF001
    assert "95.0% to 95.0% of the operations whose worker was free began within 0.2 ms" in table
    assert "below 1 is faster" in table
    assert "What matters" not in table


def test_a_row_says_how_many_of_its_runs_were_saturated(campaign: Campaign) -> None:
    records = list(campaign.records)
    places = [place for place, one in enumerate(records) if one.cell_key == "sha256:uvloop 50%"]
    first = records[places[0]]
    assert first.open_loop is not None
    records[places[0]] = replace(first, open_loop=replace(first.open_loop, saturated=True))
    changed = Campaign(campaign.description, records)
    table = markdown_table(summarize(changed, campaign.description.experiments[0]), changed)
    (row,) = [row for row in rows_of(table) if row[:2] == ["aiopg · uvloop", "50%"]]
    assert row[-1] == f"1 of {len(places)} runs saturated"


def test_a_terminal_has_the_most_important_of_it(campaign: Campaign) -> None:
    summary = summarize(campaign, campaign.description.experiments[0])
    told = terminal_table(summary, campaign)
    assert "p99 ratio (95% interval)" in told
    assert re.search(r"aiopg · uvloop +90% +1,800 +saturated +– +– +6/6", told)  # noqa: RUF001


def test_the_csv_has_seconds(campaign: Campaign) -> None:
    summary = summarize(campaign, campaign.description.experiments[0])
    rows = list(csv.DictReader(io.StringIO(csv_table(summary, model_cells(campaign)))))
    first, saturated = rows[0], rows[-1]
    assert (first["arrivals"], first["offered_per_s"], first["on_time_share"]) == ("50%", "1000.0", "0.95")
    assert float(first["response_p99_s"]) == pytest.approx(0.01, rel=0.005)
    assert float(first["response_p99_low_s"]) < 0.01 < float(first["response_p99_high_s"])
    assert (saturated["saturated_runs"], saturated["response_p50_s"], saturated["ratio"]) == ("6", "", "")


def test_the_chart_has_a_line_for_each_loader_in_both_panels_and_marks_saturation(campaign: Campaign) -> None:
    summary = summarize(campaign, campaign.description.experiments[0])
    (chart,) = list_charts(summary, campaign)
    assert chart.name == "loaders~latency.svg"
    svg = draw_charts(summary, campaign, {chart.name: chart.alt})[chart.name].decode()
    marks = dict.fromkeys(re.findall(r'id="((?:line|saturated|intervals)-[^"]*)"', svg))
    assert [mark for mark in marks if mark.startswith("line")] == [
        *("line-p50-0-0", "line-p50-0-1"),
        *("line-p99-0-0", "line-p99-0-1"),
    ]
    saturated = re.search(r'id="saturated-p99-0-1".*?</g>', svg, re.DOTALL)
    assert saturated is not None
    for text in ("p99 of the response time, ms (log scale)", "operations per second offered", "aiopg · uvloop"):
        assert text in svg


def test_the_models_page_has_predicted_beside_measured_response_times(campaign: Campaign) -> None:
    page = model_page(campaign.description, model_cells(campaign), "", model_responses(campaign))
    heads, *rows = rows_of(page)
    assert heads[-5:] == ["offered operations/s", "measured ms", "predicted ms", "error", "note"]
    fitted, tested, other = rows
    assert (fitted[-1], fitted[-2]) == ("fitted", "+0.0%")
    # 300 µs of the client and as many of the server are far from saturation at 1,800 operations/s.
    assert (tested[1], tested[-1]) == ("90%", "")
    assert float(tested[-3]) == pytest.approx(2.43, abs=0.3)
    assert other[0] == "aiopg · uvloop"
    assert "**Median error:" in page
