"""Lists of cores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.cpuset import format_cpuset, parse_cpuset


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0", {0}), ("0-2,5", {0, 1, 2, 5}), (" 3 , 1-1\n", {1, 3}), ("0,0-1", {0, 1})],
)
def test_numbers_and_ranges_are_read(text: str, numbers: set[int]) -> None:
    assert parse_cpuset(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "-1", "1-", "1,,2", "1:2", "0x1", "²"])
def test_what_is_no_list_of_cores_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a core: write numbers from 0 and ranges, such as '0-2,5'"):
        parse_cpuset(text)


def test_a_range_from_back_to_front_is_refused() -> None:
    with pytest.raises(ValueError, match="the range '3-1' is empty: write the smaller number first"):
        parse_cpuset("3-1")


@given(st.frozensets(st.integers(0, 200), min_size=1))
def test_what_is_written_is_read_back(cpus: frozenset[int]) -> None:
    assert parse_cpuset(format_cpuset(cpus)) == cpus


def test_neighbours_are_written_as_a_range() -> None:
    assert format_cpuset({5, 0, 2, 1}) == "0-2,5"
