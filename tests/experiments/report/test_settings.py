from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from experiments.analysis.stats import Estimate
from experiments.analysis.summary import summarize_campaign
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.report.answer.facts import ASYNCIO, THREADS, Setting, find_facts
from experiments.report.settings import settings_table

Asked = Callable[[Mapping[tuple[str, Cell], float]], Campaign]


@pytest.fixture
def settings(asked: Asked, threaded: Cell, uvloop_cell: Cell) -> list[Setting]:
    """Two pools; with the smaller one only threads."""
    asyncio, five = replace(uvloop_cell, loop="asyncio"), replace(threaded, poolsize=5)
    rates = {threaded: 10_000.0, asyncio: 8_000.0, uvloop_cell: 10_000.0, five: 7_000.0}
    return find_facts(summarize_campaign(asked({("loaders", cell): rate for cell, rate in rates.items()})))


def rows(settings: Sequence[Setting]) -> list[list[str]]:
    text = settings_table(settings).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (text[0], *text[2:])]


def test_a_row_of_the_table_is_a_setting_with_all_its_loaders(settings: list[Setting]) -> None:
    headings, first, second = rows(settings)
    assert dict(zip(headings, first, strict=True)) == {
        "pool size": "20",
        "rows/s of threads": "9,995 (9,009 to 10,978)",
        "asyncio ÷ threads": "0.80 (0.80 to 0.80)",
        "uvloop ÷ threads": "1.00 (1.00 to 1.00) n.s.",
        "client CPU µs/row": "25.0 / 31.3 / 25.0",
        "bottleneck": "server-bound",
    }
    assert (second[0], second[headings.index("uvloop ÷ threads")]) == ("5", "–")  # noqa: RUF001


def test_a_bottleneck_that_not_all_have_is_told_with_its_loader_and_the_share_of_pgbench_is_there(
    settings: list[Setting],
) -> None:
    cells = dict(settings[0].cells)
    cells[ASYNCIO] = replace(cells[ASYNCIO], verdict=None)
    cells[THREADS] = replace(cells[THREADS], to_ceiling=Estimate(0.913))
    headings, row = rows([replace(settings[0], cells=cells)])
    assert row[headings.index("bottleneck")] == "threads and uvloop server-bound"
    assert row[headings.index("of pgbench")] == "91%"
    assert "pool size" not in headings


def test_a_setting_without_threads_has_no_throughput(settings: list[Setting]) -> None:
    without = replace(settings[0], cells={ASYNCIO: settings[0].cells[ASYNCIO]}, ratios={})
    headings, _, row = rows([settings[0], without])
    assert row[headings.index("rows/s of threads")] == "–"  # noqa: RUF001
