"""A table says what each further connection takes of the client's memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from experiments.matrix.cell import Cell
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.memory import memory_lines
from tests.experiments.made_summaries import summed

MB = 2**20


def lines(description: Description, make_record: Callable[..., Record], memory: dict[Cell, int]) -> list[str]:
    shown = description.cells[0]
    keys = {cell: f"sha256:{cell.loader}-{cell.poolsize}" for cell in memory}
    cells = tuple(replace(shown, cell_key=key, cell=cell) for cell, key in keys.items())
    records = []
    for cell, size in memory.items():
        record = make_record(cell, cell_key=keys[cell])
        assert record.client is not None
        records.append(replace(record, client=replace(record.client, peak_rss_bytes=size)))
    return memory_lines(summed(replace(description, cells=cells), records, description.experiments[0])[0])


def test_each_contestant_has_the_slope_between_its_smallest_and_its_largest_pool(
    description: Description, make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell
) -> None:
    memory = {
        threaded: 40 * MB,
        replace(threaded, poolsize=100): 50 * MB,
        replace(threaded, poolsize=1_020): 140 * MB,
        uvloop_cell: 45 * MB,
        replace(uvloop_cell, poolsize=1_020): 45 * MB + 1_000 * 30 * 1024,
    }
    assert lines(description, make_record, memory) == [
        "Memory of the client at its peak: psycopg2 · threads 40 MB with 20 and 140 MB with 1,020 connections "
        "(102 kB for each further one); "
        "aiopg · uvloop 45 MB with 20 and 74 MB with 1,020 connections (30 kB for each further one)."
    ]


def test_nothing_is_said_of_small_pools_and_of_a_single_size(
    description: Description, make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell
) -> None:
    small = {threaded: 40 * MB, replace(threaded, poolsize=50): 41 * MB, replace(uvloop_cell, poolsize=200): 60 * MB}
    assert lines(description, make_record, small) == []
