"""A campaign of the question with three pool sizes, two kinds of commit and pgbench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from experiments.analysis.summary import ExperimentSummary, summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign

Asked = Callable[[Mapping[tuple[str, Cell], float]], Campaign]
Question = Callable[[float], tuple[ExperimentSummary, Campaign]]


@pytest.fixture
def question(asked: Asked, threaded: Cell, uvloop_cell: Cell) -> Question:
    """Makes the summary of a campaign in which uvloop reaches this many times what threads do."""

    def make(factor: float) -> tuple[ExperimentSummary, Campaign]:
        rates = {(20, "default"): 10_000.0, (1, "default"): 4_000.0, (5, "default"): 8_000.0}
        rates |= {(pool, "async_commit"): 2 * rate for (pool, _), rate in rates.items()}
        loaders = {threaded: 1.0, uvloop_cell: factor, replace(threaded, loader="ceiling_pgbench"): 1.1}
        cells = {
            ("io_or_cpu", replace(cell, poolsize=pool, postgres=postgres)): rate * of_this
            for cell, of_this in loaders.items()
            for (pool, postgres), rate in rates.items()
        }
        campaign = asked(cells)
        return summarize(campaign, campaign.description.experiments[0]), campaign

    return make
