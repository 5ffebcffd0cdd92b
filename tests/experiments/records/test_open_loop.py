"""What a loader reports of an open loop, as records have it."""

from __future__ import annotations

from typing import Any

import pytest

from bigdata.measurement.arrivals import arrivals_report
from bigdata.measurement.tally import Taken
from experiments.records.histogram import Histogram
from experiments.records.open_loop import read_open_loop, unpack


def reported() -> dict[str, Any]:
    return arrivals_report(500.0, [Taken(2, [], {}, [(1_000, 2_000, 5_000), (2_000, 5_000, 9_000)])])


def test_a_report_becomes_histograms() -> None:
    found = read_open_loop(reported())
    assert (found.rate_per_s, found.queue, found.saturated, found.awaited, found.on_time) == (500.0, 0, False, 1, 1)
    assert Histogram.decode(found.response).counts == Histogram.of([4_000, 7_000]).counts
    assert Histogram.decode(found.service).counts == Histogram.of([3_000, 4_000]).counts
    assert Histogram.decode(found.start_delay).counts == Histogram.of([1_000]).counts


@pytest.mark.parametrize("text", ["no base64", "eJw=", "YWJj"])
def test_times_that_cannot_be_unpacked_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_open_loop({**reported(), "response_ns": text})


def test_times_come_back_sorted() -> None:
    assert unpack(reported()["response_ns"]) == [4_000, 7_000]
