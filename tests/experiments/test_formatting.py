from __future__ import annotations

import pytest

from experiments.formatting import in_units, memory_size, shortened, unit_of


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(2**30, "1 GB"), (24 * 2**20, "24 MB"), (2000 * 2**10, "2,000 kB"), (1000, "1,000 B"), (3 * 2**39, "1,536 GB")],
)
def test_memory_is_told_in_the_largest_unit_that_leaves_a_whole_number(size_bytes: int, text: str) -> None:
    assert memory_size(size_bytes) == text


def test_a_text_that_is_too_long_ends_in_an_ellipsis() -> None:
    assert shortened("the server\nis  gone", 18) == "the server is gone"
    assert shortened("the server is gone", 17) == "the server is go…"
    assert shortened("the server is gone", 12) == "the server…"


def test_rates_are_of_rows_or_of_operations() -> None:
    assert unit_of(["ingest"]) == unit_of([]) == "row"
    assert unit_of(["fetch", "wait"]) == "operation"
    assert unit_of(["fetch", "ingest"]) == "row or operation"


def test_a_text_is_put_in_other_units() -> None:
    text = "rows/s, client CPU µs/row: one row of the table per row, time / rows"
    assert in_units(text, "row") == text
    told = in_units(text, "operation")
    assert told == "operations/s, client CPU µs/operation: one row of the table per operation, time / operations"
    assert in_units("rows/s", "row or operation") == "rows or operations/s"
