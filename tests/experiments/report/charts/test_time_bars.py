from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.time_breakdown import PARTS
from experiments.matrix.cell import Cell
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.charts.catalog import list_charts
from experiments.report.charts.time_bars import Bars, TimeRow
from experiments.report.publish import charts_of
from tests.experiments.made_observed import SPLIT, observed
from tests.experiments.made_summaries import summed
from tests.experiments.report.test_charts import parse, texts


def watched(item: Any) -> Any:
    return replace(item, cell=replace(item.cell, sampling="on"))


@pytest.fixture
def sampled(description: Description) -> Description:
    return replace(description, cells=tuple(watched(shown) for shown in description.cells), repeats=3)


@pytest.fixture
def records(threaded: Cell, uvloop_cell: Cell, make_record: Callable[..., Record]) -> list[Record]:
    seen = [observed(make_record(threaded, block=block)) for block in (1, 2, 3)]
    return [watched(record) for record in [*seen, make_record(uvloop_cell)]]


def ledger(**parts: float) -> dict[str, float]:
    return {**dict.fromkeys(PARTS, 0.0), **parts}


def bars_in(svg: bytes) -> set[str]:
    ids = [element.get("id") or "" for element in parse(svg).iter()]
    return {name for name in ids if re.fullmatch(rf"({'|'.join(PARTS)})-\d+", name)}


def test_a_bar_has_a_piece_for_each_part_and_the_worker_time_beside_it(
    sampled: Description, records: list[Record]
) -> None:
    svg = charts_of(*summed(sampled, records, sampled.experiments[0]))["loaders~time.svg"]
    told = [part for part in PARTS if part != "other_wait" and not part.endswith("run_queue")]
    assert bars_in(svg) == {f"{part}-0" for part in told}
    written = texts(svg)
    # 20 workers, 10,000 rows/s.
    assert "2,000" in written
    # A fifth of the pool's time.
    assert "20%" in written
    assert {"commit", "queueing"} <= set(written)
    assert "aiopg · uvloop" not in written
    assert "other waits" not in written
    assert not any("beyond 100%" in line for line in written)


def test_the_same_records_make_the_same_bytes(sampled: Description, records: list[Record]) -> None:
    first, second = (charts_of(*summed(sampled, records, sampled.experiments[0]))["loaders~time.svg"] for _ in range(2))
    assert first == second


def test_without_watched_cells_there_is_no_such_chart(sampled: Description, records: list[Record]) -> None:
    experiment = sampled.experiments[0]
    assert "loaders~time.svg" in [chart.name for chart in list_charts(*summed(sampled, records, experiment))]
    assert list_charts(*summed(sampled, records[3:], experiment)) == []


def test_pieces_stand_in_the_order_of_the_parts_and_fill_the_bar() -> None:
    row = TimeRow(("x",), ledger(client_user=10, server_cpu=30, queueing=60))
    pieces = list(row.shares())
    assert [name for name, _, _ in pieces] == ["client_user", "server_cpu", "queueing"]
    assert [begin for _, begin, _ in pieces] == pytest.approx([0, 0.1, 0.4])
    assert sum(share for _, _, share in pieces) == pytest.approx(1)


def test_a_rest_below_zero_is_not_drawn_and_the_others_reach_beyond_the_whole() -> None:
    row = TimeRow(("x",), ledger(client_user=40, server_cpu=80, queueing=-20))
    assert [(name, round(begin, 3), round(share, 3)) for name, begin, share in row.shares()] == [
        ("client_user", 0.0, 0.4),
        ("server_cpu", 0.4, 0.8),
    ]
    assert Bars(("loader",), (row,)).overlap
    assert not Bars(("loader",), (TimeRow(("x",), ledger(server_cpu=100)),)).overlap


def test_the_foot_says_why_a_bar_is_too_long(
    sampled: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    alone = observed(make_record(threaded), server=25.0)
    svg = charts_of(*summed(sampled, [watched(alone)], sampled.experiments[0]))["loaders~time.svg"]
    assert any("beyond 100%" in line for line in texts(svg))


def test_waits_that_count_twice_make_no_bar_too_long(
    sampled: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    alone = observed(make_record(threaded), waits={"IO:WalSync": 0.99})
    svg = charts_of(*summed(sampled, [watched(alone)], sampled.experiments[0]))["loaders~time.svg"]
    assert not any("beyond 100%" in line for line in texts(svg))
    assert "queueing-0" not in bars_in(svg)


def test_beside_each_bar_stands_how_busy_the_cores_were(
    sampled: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    placements = {"split": SPLIT}
    described = replace(sampled, placements=placements)
    run = observed(make_record(threaded), server=0.94, cores=(0.19, 0.04))
    svg = charts_of(*summed(described, [watched(run)], described.experiments[0]))["loaders~time.svg"]
    written = texts(svg)
    assert {"23%", "94%", "cores in use"} <= set(written)
    ids = {element.get("id") for element in parse(svg).iter()}
    assert {"client_share-0", "server_share-0"} <= ids
