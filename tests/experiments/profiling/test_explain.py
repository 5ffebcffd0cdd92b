"""What an explanation warns of before it begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from experiments.campaign.datasets import PreparedData
from experiments.campaign.prepared_cell import PreparedCell
from experiments.matrix.cell import Cell
from experiments.profiling.explain import find_other_data
from experiments.records.description import Description
from experiments.records.facts import DataFacts


def test_other_records_than_those_of_the_campaign_are_told(description: Description, threaded: Cell) -> None:
    described = replace(description, data={"ny": DataFacts("geo:20:1;data:4440:2", 20, 20, 4_440)})
    data = PreparedData(Path("ny"), (), "geo:1200:3;data:266400:4", 1_200, 1_200, 266_400)
    ready = cast(PreparedCell, SimpleNamespace(data=data))
    assert find_other_data(described, threaded, ready) == (
        "warning: 1,200 data records of ny instead of the campaign's 20; --records selects as many"
    )
    same: Any = SimpleNamespace(data=replace(data, digest="geo:20:1;data:4440:2"))
    assert find_other_data(described, threaded, same) is None
    assert find_other_data(described, threaded, "cannot run") is None
