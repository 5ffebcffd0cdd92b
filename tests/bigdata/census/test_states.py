from __future__ import annotations

import pytest

from bigdata.census.states import STATES, find_state
from bigdata.errors import BadInput


@pytest.mark.parametrize("name", ["New_York", "New York", "NY", "ny", "new_york"])
def test_a_state_is_found_by_name_folder_and_abbreviation(name: str) -> None:
    state = find_state(name)
    assert (state.stusab, state.folder, state.fips, state.division, state.region) == ("NY", "New_York", "36", "2", "1")


def test_the_folder_of_a_long_name_has_underscores() -> None:
    assert find_state("DC").folder == "District_of_Columbia"


def test_an_unknown_state_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(BadInput, match=r"unknown state 'Atlantis'; expected one of AL \(Alabama\), .*New_York"):
        find_state("Atlantis")


def test_divisions_lie_in_the_regions_of_the_bureau() -> None:
    found = {(state.region, state.division) for state in STATES}
    assert found == {
        ("1", "1"), ("1", "2"), ("2", "3"), ("2", "4"), ("3", "5"), ("3", "6"), ("3", "7"), ("4", "8"), ("4", "9"),
        ("9", "0"),
    }  # fmt: skip


def test_a_misspelt_state_gets_a_suggestion() -> None:
    with pytest.raises(BadInput, match=r"unknown state 'Rhode_Ilsand' \(did you mean Rhode_Island\?\); expected"):
        find_state("Rhode_Ilsand")
