from __future__ import annotations

from typing import Any

import pytest

from experiments.analysis.queueing.model import Model, model_cells
from experiments.records.campaign import load_campaign
from experiments.records.folder import list_campaigns
from experiments.report.page.model import collect_families
from tests.project import ROOT


@pytest.fixture(scope="module")
def model() -> Model:
    """The model of a published campaign that has cells to fit one on and to test it."""
    models = (model_cells(load_campaign(one)) for one in list_campaigns(ROOT / "results/published"))
    return next(one for one in models if one.tested)


def name(axes: Any) -> str:
    return str(axes["loader"])


def test_a_family_has_its_fit_its_cells_and_the_range_of_them(model: Model) -> None:
    families = collect_families(model, 3, name)
    assert [one.fit for one in families] == list(model.fits.values())
    assert {one.campaign for one in families} == {3}
    for family in families:
        pools = [point.poolsize for point in family.points]
        assert family.tested.pools == (min(pools), max(pools))
        assert "poolsize" not in family.axes
        assert sum(point.fitted for point in family.points) >= 2


def test_a_point_has_the_error_of_its_prediction(model: Model) -> None:
    points = [point for family in collect_families(model, 0, name) for point in family.points]
    errors = {cell.point.shown.cell_key: cell.error for cell in model.cells if cell.prediction is not None}
    assert {point.key: point.error for point in points} == errors
    # On the loopback interface alone no round trip is longer than another.
    networks = {cell.point.shown.cell.network for cell in model.cells}
    assert networks != {"loopback"} or {point.further_s for point in points} == {0.0}
