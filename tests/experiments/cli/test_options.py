from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from bigdata.registry import CONTESTANTS
from experiments.cli.options import choose_loaders
from experiments.engines.protocol import Engine
from experiments.engines.select import default_python
from experiments.errors import BadInput


def test_without_a_name_all_are_meant() -> None:
    assert choose_loaders([]) == list(CONTESTANTS.values())


@pytest.mark.parametrize("name", ["ceiling_pgbench", "ceiling_copy", "ceiling_psql_file"])
def test_a_ceiling_is_no_contestant(name: str) -> None:
    with pytest.raises(
        BadInput, match=rf"^{name} is a ceiling, not a loader with a driver \(expected one of row_by_row_"
    ):
        choose_loaders([name])


def test_those_named_come_once_and_in_the_order_of_the_registry() -> None:
    names = ["row_by_row_asyncio", "row_by_row_threaded", "row_by_row_asyncio"]
    assert [loader.name for loader in choose_loaders(names)] == ["row_by_row_threaded", "row_by_row_asyncio"]


def test_a_slip_of_the_pen_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(BadInput, match=r"^unknown loader 'row_by_row_asynco' \(did you mean row_by_row_asyncio\? "):
        choose_loaders(["row_by_row_threaded", "row_by_row_asynco"])


@pytest.mark.parametrize("pythons", [[], ["3.14t"]])
def test_an_engine_without_a_locked_python_on_all_threads_is_refused(pythons: list[str]) -> None:
    engine = cast(Engine, SimpleNamespace(name="local", pythons=lambda: pythons))
    with pytest.raises(BadInput, match="engine local: found no Python that has locked packages"):
        default_python(engine)
