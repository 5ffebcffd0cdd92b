"""A small campaign with a cell of each kind that the answer is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign

Asked = Callable[[Mapping[tuple[str, Cell], float]], Campaign]


@pytest.fixture
def campaign(asked: Asked, threaded: Cell, uvloop_cell: Cell) -> Campaign:
    """The pair of 2014 and the twins, other pools, another PostgreSQL configuration, and a busy neighbour."""
    twin = replace(threaded, loader="row_by_row_psycopg_threaded", protocol="prepared", implementation="binary")
    awaiting = replace(twin, loader="row_by_row_psycopg_asyncio", loop="asyncio")
    asyncio, fast = replace(uvloop_cell, loop="asyncio"), replace(threaded, postgres="async_commit")
    return asked(
        {
            ("io_or_cpu", threaded): 10_000.0,
            ("io_or_cpu", asyncio): 8_000.0,
            ("io_or_cpu", uvloop_cell): 10_000.0,
            ("io_or_cpu", replace(threaded, poolsize=5)): 8_000.0,
            ("io_or_cpu", fast): 15_000.0,
            ("io_or_cpu", replace(uvloop_cell, postgres="async_commit")): 9_000.0,
            ("io_or_cpu", replace(fast, poolsize=5)): 19_200.0,
            ("drivers", threaded): 10_000.0,
            ("drivers", twin): 12_000.0,
            ("drivers", awaiting): 12_050.0,
            ("drivers", replace(awaiting, loop="uvloop")): 12_010.0,
            ("neighbours", threaded): 10_000.0,
            ("neighbours", replace(threaded, resources="busy_loader")): 5_000.0,
            ("neighbours", replace(asyncio, resources="busy_loader")): 2_400.0,
        }
    )
