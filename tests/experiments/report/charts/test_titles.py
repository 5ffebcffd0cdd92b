from __future__ import annotations

import pytest

from experiments.report.charts.titles import say_peaks, say_saturation


@pytest.mark.parametrize(
    ("peaks", "title"),
    [
        (["20"], "Fastest at pool size 20"),
        (["20", "20"], "Fastest at pool size 20 on all 2 lines"),
        (["20", "5", "20"], "Fastest at pool size 20 (2 lines) or 5 (1 line)"),
    ],
)
def test_curves_are_named_by_where_they_are_highest(peaks: list[str], title: str) -> None:
    assert say_peaks("poolsize", peaks) == title


def test_loads_are_named_by_who_is_saturated_first() -> None:
    first = {"a": 2_000.0, "b": 1_000.0}
    assert say_saturation(first, 3_000.0, "operation") == "Saturated first: b, at 1,000 operations per second"
    assert say_saturation({}, 3_000.0, "operation") == "No loader is saturated at up to 3,000 operations per second"
