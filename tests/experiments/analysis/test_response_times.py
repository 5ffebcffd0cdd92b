"""Response times of open loops: medians of their runs, and compared with the baseline at the same load."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.response_times import compared_by, find_response_times
from experiments.analysis.summary import CellSummary, summarize
from experiments.records.description import Description
from experiments.records.histogram import Histogram
from experiments.records.open_loop import OpenLoop
from experiments.records.record import Record
from tests.experiments.made_open_loops import MS, open_campaign, open_loop

Cells = dict[str, CellSummary]


@pytest.fixture
def cells(description: Description, make_record: Callable[..., Record]) -> Cells:
    campaign = open_campaign(description, make_record)
    rows = summarize(campaign, campaign.description.experiments[0]).cells
    return {f"{row.shown.cell_key.removeprefix('sha256:')} {row.shown.arm}": row for row in rows}


def test_percentiles_are_the_medians_of_the_runs_with_their_intervals(cells: Cells) -> None:
    found = cells["threads 50% a"].response
    assert found is not None
    assert [found.response_s[name].value for name in ("p50", "p90")] == pytest.approx([0.002, 0.002], rel=0.004)
    p99 = found.response_s["p99"]
    assert p99.value == pytest.approx(0.010, rel=0.005)
    assert p99.interval == pytest.approx((0.010 * math.exp(-0.02), 0.010 * math.exp(0.02)), rel=0.005)
    assert found.response_s["max"].value == pytest.approx(0.010, rel=0.005)
    assert found.service_s["p99"].value == pytest.approx(0.001, rel=0.004)
    assert (found.offered, found.queue, found.on_time, found.saturated) == (1000.0, 1, 0.95, 0)
    assert found.start_delay_s == pytest.approx(300e-6, rel=0.004)
    assert found.run_queue_us == pytest.approx(10.0)
    assert found.mean_s == pytest.approx(0.98 * 0.002 + 0.02 * 0.010, rel=0.005)


def test_a_row_is_compared_with_the_baselines_loader_at_its_own_load(cells: Cells) -> None:
    ratio = cells["uvloop 50% a"].ratio
    assert ratio is not None
    assert ratio.value == pytest.approx(2.0, rel=0.005)
    # Its reach is the wobble of the baseline.
    assert ratio.interval is not None
    assert cells["uvloop 50% a"].noise is False
    assert [cells[name].ratio for name in ("threads 50% a", "threads 90% a")] == [None, None]
    assert [cells[name].is_pace for name in ("threads 50% a", "threads 90% a", "uvloop 50% a")] == [True, True, False]
    assert [cells[name].baseline for name in ("threads 50% a", "threads 90% a")] == [True, False]


def test_the_throughput_is_shown_and_nothing_is_said_of_bottlenecks(cells: Cells) -> None:
    row = cells["uvloop 50% a"]
    assert row.rows_per_s is not None
    assert row.rows_per_s.value == 990.0
    assert (row.verdict, row.ledger, row.capacity, row.ceiling_share) == (None, None, None, None)


def test_a_saturated_row_has_no_percentile_and_no_ratio(cells: Cells) -> None:
    row = cells["uvloop 90% a"]
    assert row.response is not None
    assert (row.response.is_saturated, row.response.response_s, row.response.mean_s) == (True, {}, None)
    assert (row.ratio, row.good_runs, row.rows_per_s and row.rows_per_s.value) == (None, {}, 1782.0)


@pytest.mark.parametrize(
    ("times_ms", "median_ms", "interval_ms"),
    [
        ([2, 4, 6, 8, None], 6, None),
        ([2, None], 2, None),
        ([2, 4, 6, 8, 10, None], 7, None),
        ([2, 4, 6, 8, 10, 12, 14, 16, 18, None], 11, (4, 18)),
    ],
    ids=["one of five", "half of them", "at an end of the interval", "beyond the interval"],
)
def test_a_saturated_run_among_others_is_the_slowest(
    make_record: Callable[..., Record],
    times_ms: list[int | None],
    median_ms: float,
    interval_ms: tuple[float, float] | None,
) -> None:
    found = find_response_times([replace(make_record(), open_loop=run_of(time_ms)) for time_ms in times_ms])
    assert found is not None
    p99 = found.response_s["p99"]
    assert p99.value * 1e3 == pytest.approx(median_ms, rel=0.005)
    assert found.saturated == 1
    assert found.mean_s == pytest.approx(p99.value)
    assert (p99.interval is None) == (interval_ms is None)
    assert interval_ms is None or [end * 1e3 for end in p99.interval or ()] == pytest.approx(interval_ms, rel=0.005)


def run_of(time_ms: int | None) -> OpenLoop:
    """A run in which all take this long; a saturated one of None."""
    response = Histogram.of([(time_ms or 900) * MS] * 100).encode()
    return replace(open_loop("threads", "50%"), response=response, saturated=time_ms is None)


def test_runs_are_compared_by_the_99th_percentile_or_by_throughput(
    description: Description, make_record: Callable[..., Record]
) -> None:
    records = {record.cell_key: record for record in open_campaign(description, make_record, blocks=3).records}
    assert compared_by(records["sha256:threads 90%"]) == pytest.approx(0.040, rel=0.005)
    assert compared_by(records["sha256:uvloop 90%"]) is None
    assert compared_by(replace(make_record(), rows_per_s=123.0)) == 123.0
    assert find_response_times([make_record()]) is None
