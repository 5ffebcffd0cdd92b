"""Two made-up campaigns with known answers, for what is said of campaigns side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record

WOBBLE = (-0.02, -0.01, 0.0, 0.01, 0.02)
"""Logarithms by block: their mean is 0, their sample variance 0.00025."""

PACE = (0.5, -0.2, 0.1, 0.0, 0.3)
"""What the machine did in each block, to all cells alike."""


def measured(
    description: Description,
    make_record: Callable[..., Record],
    ratios: Mapping[str, float],
    *,
    wobbles: Mapping[str, Sequence[float]] | None = None,
    drift: float = 1.0,
    **changes: Any,
) -> Campaign:
    """A campaign of 5 blocks whose cells have these ratios to the baseline (by the end of their key, or 'again').

    The logarithm of a cell's ratio wobbles as ``wobbles`` says, WOBBLE unless given. ``drift`` is what the whole
    campaign is faster by.
    """
    wobbles = wobbles or {}
    described = replace(description, repeats=len(PACE), **changes)
    records = []
    for shown in described.cells:
        name = "again" if shown.arm == "b" else shown.cell_key.removeprefix("sha256:")
        if name not in ratios:
            continue
        for block, pace in enumerate(PACE, start=1):
            wobble = 0.0 if ratios[name] == 1 else wobbles.get(name, WOBBLE)[block - 1]
            rows_per_s = 10_000 * drift * ratios[name] * math.exp(pace + wobble)
            made = make_record(block=block, rows_per_s=rows_per_s, cell_key=shown.cell_key, arm=shown.arm)
            records.append(replace(made, cell=shown.cell, campaign=described.campaign))
    return Campaign(described, records)
