"""What the CSV says of the model: bounds of every measured cell, predictions where there is a fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.analysis.queueing.model import model_cells
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.csv_columns import model_columns
from tests.experiments.made_models import ASYNCIO, THREADED, TRUTH, MakeRecord, made_campaign
from tests.experiments.made_observed import BOTH

Rows = dict[tuple[str, int, str], dict[str, object]]


def rows(description: Description, records: list[Record]) -> Rows:
    modelled = {cell.point.shown.cell_key: cell for cell in model_cells(Campaign(description, records)).cells}
    return {(one.cell.loader, one.cell.poolsize, one.arm): model_columns(one, modelled) for one in description.cells}


def test_a_row_has_its_bounds_the_prediction_and_its_error(description: Description, make_record: MakeRecord) -> None:
    made = rows(*made_campaign(description, make_record, server_costs={(ASYNCIO, 50): 1.25}))
    truth = TRUTH[ASYNCIO]
    client_s, server_s = truth.client_s(50), truth.server_s(50)
    assert made[ASYNCIO, 50, "a"] == {
        "bound_client_rows_per_s": round(1 / client_s, 1),
        "bound_server_rows_per_s": round(1 / (1.25 * server_s), 1),
        "bound_cores_rows_per_s": "",
        "bound_pool_rows_per_s": round(50 / (client_s + 1.25 * server_s + 80e-6), 1),
        "lowest_bound": "server",
        "predicted_rows_per_s": pytest.approx(1 / server_s, rel=1e-4),
        "prediction_error": pytest.approx(0.25, abs=1e-3),
        "prediction_fitted": 0,
        "prediction_broken": "the server's cost per row was 101 µs instead of 81",
    }
    alone = made[THREADED, 1, "a"]
    assert (alone["prediction_fitted"], alone["prediction_error"], alone["lowest_bound"]) == (1, 0.0, "pool")


def test_without_cells_to_fit_on_there_are_bounds_alone(description: Description, make_record: MakeRecord) -> None:
    made = rows(*made_campaign(description, make_record, pools=(20,)))[THREADED, 20, "a"]
    assert made["bound_server_rows_per_s"] == round(1 / TRUTH[THREADED].server_s(20), 1)
    assert made["lowest_bound"] == "server"
    empty = ("bound_pool_rows_per_s", "predicted_rows_per_s", "prediction_error", "prediction_fitted")
    assert [made[name] for name in empty] == [""] * 4


def test_rows_that_are_not_modelled_have_the_same_columns_without_values(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record)
    made = rows(described, records)
    assert set(made[THREADED, 20, "b"].values()) == {""}
    assert list(made[THREADED, 20, "b"]) == list(made[THREADED, 20, "a"])
    failed = [replace(record, status="failed") for record in records]
    assert {value for row in rows(described, failed).values() for value in row.values()} == {""}


def test_cores_that_both_sides_share_are_a_bound_of_their_own(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record, pools=(20,), loaders=(THREADED,))
    shared = replace(described, placements={"split": BOTH})
    row = rows(shared, records)[THREADED, 20, "a"]
    client_s, server_s = TRUTH[THREADED].client_s(20), TRUTH[THREADED].server_s(20)
    assert row["bound_cores_rows_per_s"] == round(2 / (client_s + server_s), 1)
    assert row["bound_server_rows_per_s"] == round(2 / server_s, 1)
    assert row["lowest_bound"] == "cores"
