from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.analysis.queueing.fit import Demand
from experiments.analysis.queueing.model import Model, model_campaign
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from tests.experiments.made_models import ASYNCIO, THREADED, TRUTH, MakeRecord, made_campaign, made_record


@pytest.fixture
def model(description: Description, make_record: MakeRecord) -> Model:
    """Both loaders, and threads with another PostgreSQL configuration, where their client cost 10 µs more."""
    described, records = made_campaign(description, make_record, faster=(1.0, 1.1))
    costly = replace(TRUTH[THREADED], client=Demand(25e-6, 20e-6))
    shown = {f"memory {one.cell_key}": one for one in described.cells if one.cell.loader == THREADED}
    cells = [
        replace(one, cell_key=key, arm="a", cell=replace(one.cell, postgres="memory")) for key, one in shown.items()
    ]
    more = [
        replace(
            made_record(make_record, costly, one.cell.poolsize, 1 / pace, pace),
            cell_key=one.cell_key,
            cell=one.cell,
            block=block,
        )
        for one in cells
        for block, pace in enumerate((1.0, 1.1), start=1)
    ]
    described = replace(described, cells=(*described.cells, *cells))
    found = model_campaign(Campaign(described, [*records, *more]))
    assert found is not None
    return found


def test_the_client_costs_a_loader_the_same_with_every_postgresql_configuration(model: Model) -> None:
    costs = {
        (str(basis.alone.shown.cell.loader), basis.alone.shown.cell.postgres): model.fits[family].client.least_s
        for family, basis in model.bases.items()
    }
    mean_pace = (1 + 1 / 1.1) / 2
    assert costs == {
        (THREADED, "default"): pytest.approx(20e-6 * mean_pace),
        (THREADED, "memory"): pytest.approx(20e-6 * mean_pace),
        (ASYNCIO, "default"): pytest.approx(25e-6 * mean_pace),
    }


def test_one_connection_is_predicted_exactly_with_the_mean_cost_too(model: Model) -> None:
    alone = [cell for cell in model.cells if cell.point.poolsize == 1]
    assert [cell.error for cell in alone] == [pytest.approx(0.0, abs=1e-3)] * 3
