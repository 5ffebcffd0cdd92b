from __future__ import annotations

import pytest

from bigdata.registry import CONTESTANTS
from experiments.cli.choose_loaders import choose_loaders
from experiments.engines.select import default_python
from experiments.errors import BadInput


def test_without_a_name_all_are_meant() -> None:
    assert choose_loaders([]) == list(CONTESTANTS.values())


@pytest.mark.parametrize("name", ["ceiling_pgbench", "ceiling_copy", "ceiling_psql_file"])
def test_a_ceiling_is_no_contestant(name: str) -> None:
    with pytest.raises(BadInput, match=f"^{name} is a ceiling, a program of PostgreSQL's; expected one of row_by_row_"):
        choose_loaders([name])


def test_those_named_come_once_and_in_the_order_of_the_registry() -> None:
    names = ["row_by_row_asyncio", "row_by_row_threaded", "row_by_row_asyncio"]
    assert [loader.name for loader in choose_loaders(names)] == ["row_by_row_threaded", "row_by_row_asyncio"]


def test_a_slip_of_the_pen_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(BadInput, match=r"^'row_by_row_asynco' is no loader \(did you mean row_by_row_asyncio\? "):
        choose_loaders(["row_by_row_threaded", "row_by_row_asynco"])


def test_the_newest_python_is_used_that_has_its_lock_on_all_threads() -> None:
    assert default_python("local", ["3.9", "3.13", "3.13t"]) == "3.13"


@pytest.mark.parametrize("pythons", [[], ["3.14t"]])
def test_where_there_is_none_that_is_said(pythons: list[str]) -> None:
    with pytest.raises(BadInput, match="engine local: found no Python that has locked packages"):
        default_python("local", pythons)
