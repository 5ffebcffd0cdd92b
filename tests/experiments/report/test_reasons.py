from __future__ import annotations

from experiments.report.footnotes import Reason, group_reasons


def test_reasons_that_differ_in_numbers_only_are_one() -> None:
    assert group_reasons(["no wheels", "rows: 3 of 4", "rows: 21 of 22", "rows: 3 of 4"]) == [
        Reason(3, "rows: 3 of 4", alike=True),
        Reason(1, "no wheels", alike=False),
    ]


def test_a_reason_is_told_shortened_and_as_an_example_where_there_are_others() -> None:
    assert Reason(1, "the server is gone", alike=False).told(40) == ": the server is gone"
    assert Reason(2, "the server is gone", alike=True).told(12) == ", such as: the server…"
    assert Reason(2, "", alike=False).told(12) == ""
