from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.summary import ExperimentSummary
from experiments.analysis.verdict import Label
from experiments.records.campaign import Campaign
from experiments.report.charts.titles import say_limits, say_peaks, say_saturation

Question = Callable[[float], tuple[ExperimentSummary, Campaign]]


@pytest.mark.parametrize(
    ("peaks", "title"),
    [
        (["20"], "Fastest with pool size 20"),
        (["20", "20"], "Fastest with pool size 20 on all 2 lines"),
        (["20", "5", "20"], "Fastest with pool size 20 (2 lines) or 5 (1 line)"),
    ],
)
def test_curves_are_named_by_where_they_are_highest(peaks: list[str], title: str) -> None:
    assert say_peaks("poolsize", peaks) == title


def test_loads_are_named_by_who_is_saturated_first() -> None:
    first = {"a": 2_000.0, "b": 1_000.0}
    assert say_saturation(first, 3_000.0, "operation") == "Saturated first: b, at 1,000 operations per second"
    assert say_saturation({}, 3_000.0, "operation") == "No loader is saturated at up to 3,000 operations per second"


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        (("server-bound", "commit-bound", "server-bound"), "2 of 3 rows are limited by PostgreSQL, 1 by commits"),
        (("client-bound", "client-bound"), "All rows are limited by Python"),
        (("latency-bound",), "The row is limited by latency"),
        ((), "Where the workers' time goes"),
    ],
)
def test_times_are_named_by_what_limits_the_rows(question: Question, labels: tuple[Label, ...], title: str) -> None:
    cell = question(1.0)[0].cells[0]
    assert cell.verdict is not None
    assert say_limits([replace(cell, verdict=replace(cell.verdict, label=label)) for label in labels]) == title
