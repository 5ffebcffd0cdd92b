from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.campaign.cell_engines import CellEngines
from experiments.errors import Unsupported
from experiments.matrix.cell import Cell
from experiments.matrix.spec import load_matrix
from tests.experiments.campaign.test_prepare import FakeEngine, prepare
from tests.project import ROOT

MATRIX = load_matrix(ROOT / "matrix.yaml")
OBSTACLE = "network two_hosts: two hosts need the docker engine; use --engine docker"


def test_cells_have_the_engine_of_their_axis_unless_they_are_on_two_hosts(threaded: Cell) -> None:
    engine = FakeEngine()
    engines = CellEngines(MATRIX, {"local": engine})
    lan, apart = replace(threaded, network="lan"), replace(threaded, network="two_hosts")
    assert [engines.is_apart(cell) for cell in (threaded, lan, apart)] == [False, False, True]
    assert engines.network(threaded) is None
    assert engines.network(lan) == MATRIX.network["lan"]
    assert (engines.of(threaded), engines.of(lan)) == (engine, engine)
    assert engines.grouped([threaded, apart, lan]) == [[threaded, lan], [apart]]
    assert engines.name(apart) == "local over two_hosts"
    with pytest.raises(Unsupported, match=OBSTACLE):
        engines.of(apart)


def test_cells_on_two_hosts_that_cannot_be_had_are_rows_that_say_so(threaded: Cell) -> None:
    apart = replace(threaded, network="two_hosts")
    assert prepare(MATRIX, FakeEngine(), threaded, apart)[apart] == OBSTACLE
