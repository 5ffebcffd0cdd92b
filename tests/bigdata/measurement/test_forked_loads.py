"""Loads in forks of one process, with loads that only say where they run."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bigdata.errors import BadInput, LoadFailed
from bigdata.measurement.forked_loads import run_forked


def test_one_record_is_loaded_here_and_each_size_in_a_fork_of_its_own() -> None:
    here: list[tuple[int, int]] = []

    def load(records: int, connections: int) -> dict[str, Any]:
        here.append((records, connections))
        return {"load": [records, connections], "pid": os.getpid(), "before": here[:-1]}

    found = run_forked(load, [4, 20], 3)
    assert here == [(1, 1)]
    assert [report["load"] for report in found["loads"]] == [[4, 3], [20, 3]]
    assert [report["before"] for report in found["loads"]] == [[[1, 1]], [[1, 1]]]
    nothing, *forked = found["forked"]
    assert forked == [report["pid"] for report in found["loads"]]
    assert len({os.getpid(), nothing, *forked}) == 4


def test_a_forked_load_that_fails_says_why() -> None:
    def load(records: int, connections: int) -> dict[str, Any]:
        if records > 1:
            raise BadInput("no such table")
        return {}

    with pytest.raises(LoadFailed, match=r"^no such table$"):
        run_forked(load, [4], 3)


def test_a_forked_load_that_crashes_is_a_failure() -> None:
    def load(records: int, connections: int) -> dict[str, Any]:
        if records > 1:
            os._exit(1)
        return {}

    with pytest.raises(LoadFailed, match="ended without a report"):
        run_forked(load, [4], 3)
