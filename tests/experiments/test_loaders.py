from __future__ import annotations

import pytest

from bigdata.registry import LOADERS
from experiments.errors import BadInput
from experiments.loaders import choose_loaders


def test_without_a_name_all_are_meant() -> None:
    assert choose_loaders([]) == list(LOADERS.values())


def test_those_named_come_once_and_in_the_order_of_the_registry() -> None:
    names = ["row_by_row_asyncio", "row_by_row_threaded", "row_by_row_asyncio"]
    assert [loader.name for loader in choose_loaders(names)] == ["row_by_row_threaded", "row_by_row_asyncio"]


def test_a_slip_of_the_pen_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(BadInput, match=r"^'row_by_row_asynco' is no loader \(did you mean row_by_row_asyncio\? "):
        choose_loaders(["row_by_row_threaded", "row_by_row_asynco"])
