"""Made-up campaigns whose cells reach the rows/s that a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from experiments.matrix.cell import Cell
from experiments.matrix.expand import Arm
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.facts import ServerFacts
from experiments.records.record import Record
from tests.experiments.made_observed import SPLIT, observed

PACE = (1.0, 1.1, 0.9, 1.05, 0.95, 1.0)
"""What the machine did in each block, to all alike."""

JITTER = (0.002, -0.002, 0.001, -0.001, 0.003, -0.003)
"""What differs by block between loaders, each of which has it at another place."""

BUSY = replace(SPLIT, loader_neighbours=1)

Asked = Callable[[Mapping[tuple[str, Cell], float]], Campaign]


@pytest.fixture
def asked(description: Description, make_record: Callable[..., Record], threaded: Cell) -> Asked:
    """Makes a campaign in which each cell of an experiment reaches these rows/s, and the first ones run twice."""

    def make(rates: Mapping[tuple[str, Cell], float]) -> Campaign:
        names = dict.fromkeys(name for name, _ in rates)
        firsts = {name: next(cell for of, cell in rates if of == name) for name in names}
        shown, records = [], []
        for place, ((name, cell), rate) in enumerate(rates.items()):
            key = f"sha256:{name} {cell.label()} {cell.protocol} {cell.resources}"
            arms: tuple[Arm, ...] = ("a", "b") if cell == firsts[name] else ("a",)
            for arm in arms:
                shown.append(ShownCell(key, arm, (name,), cell))
                for block, pace in enumerate(PACE, start=1):
                    value = rate * pace * (1 + JITTER[block - 1 - place % 6])
                    run = make_record(cell, block=block, arm=arm, rows_per_s=value, cell_key=key)
                    records.append(observed(run, server=0.94, waits={"CPU": 0.9}))
        listed = {"poolsize": [20, 5], "postgres": ["default", "async_commit"], "resources": ["split", "busy_loader"]}
        matrix = {**description.matrix, "experiments": {name: {"matrix": listed} for name in names}}
        described = replace(
            description,
            cells=tuple(shown),
            matrix=matrix,
            experiments=tuple(ShownExperiment(name, f"{name}?") for name in names),
            placements={"split": SPLIT, "busy_loader": BUSY},
            postgres={
                "default": ServerFacts("17.11", {}, "disk"),
                "async_commit": ServerFacts("17.11", {"synchronous_commit": "off"}, "disk"),
            },
        )
        return Campaign(described, records)

    return make
