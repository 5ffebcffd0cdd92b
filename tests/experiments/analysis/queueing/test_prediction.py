from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.queueing.model import Model, model_campaign
from experiments.analysis.queueing.prediction import (
    Answer,
    Question,
    answer_question,
    describe_answer,
    find_round_trips,
    name_contestants,
)
from experiments.analysis.usable_cores import Setup
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Record
from tests.experiments.made_models import ASYNCIO, THREADED, TRUTH, MakeRecord, made_campaign
from tests.experiments.made_observed import BOTH

# Their median is 1.
PACES = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)


@pytest.fixture
def campaign(description: Description, make_record: MakeRecord) -> tuple[Description, list[Record]]:
    return made_campaign(description, make_record, faster=PACES)


@pytest.fixture
def model(campaign: tuple[Description, list[Record]]) -> Model:
    made = model_campaign(Campaign(*campaign))
    assert made is not None
    return made


def ask(model: Model, loader: str, poolsize: int, *, trips: float = 1.0, **changes: Any) -> Answer:
    name = next(name for name, values in name_contestants(model) if values["loader"] == loader)
    return answer_question(model, name, Question(poolsize, **changes), trips_per_row=trips)


def test_within_what_was_measured_nothing_is_said_against_it(model: Model) -> None:
    answer = ask(model, ASYNCIO, 30)
    assert answer.prediction.rows_per_s == pytest.approx(1 / TRUTH[ASYNCIO].server_s(30), rel=1e-3)
    assert (answer.unfounded, answer.grown_no_further) == ((), None)


def test_the_interval_is_that_of_the_fits_of_each_block(model: Model) -> None:
    answer = ask(model, ASYNCIO, 30)
    assert answer.spread is not None
    # Of seven blocks: the smallest and the largest.
    assert answer.spread.low == pytest.approx(0.7 * answer.prediction.rows_per_s, rel=1e-6)
    assert answer.spread.high == pytest.approx(1.3 * answer.prediction.rows_per_s, rel=1e-6)
    text = describe_answer(answer, model)
    assert " by 7 fits, one per block: the spread of runs, not what is wrong with the model)" in text


def test_few_blocks_give_no_interval(description: Description, make_record: MakeRecord) -> None:
    made = model_campaign(Campaign(*made_campaign(description, make_record)))
    assert made is not None
    assert "(no interval: 1 block, it takes 6)" in describe_answer(ask(made, THREADED, 20), made)


def test_a_larger_pool_is_outside_and_says_how_much_hangs_on_the_growth(model: Model) -> None:
    answer = ask(model, THREADED, 200)
    assert answer.unfounded == ("a pool of 200",)
    assert answer.prediction.rows_per_s == pytest.approx(1 / TRUTH[THREADED].server_s(200))
    assert answer.grown_no_further == pytest.approx(1 / (1.3 * TRUTH[THREADED].server.at(200)))
    text = describe_answer(answer, model)
    assert "if the server's cost per row grows no further than in the largest pool measured" in text
    assert text.endswith("outside of what was measured: a pool of 200")


def test_more_cores_for_the_server_leave_the_client_to_limit(model: Model) -> None:
    answer = ask(model, ASYNCIO, 40, server_cores=16.0)
    assert answer.prediction.limit == "client"
    assert answer.unfounded == ("16 cores of the server",)
    assert "limit: the client\n" in describe_answer(answer, model)


def test_part_of_a_core_for_the_client_is_a_quota(model: Model) -> None:
    answer = ask(model, THREADED, 20, client_cores=0.25)
    assert answer.setup == Setup(client_cores=1, server_cores=1, client_quota=0.25)
    assert answer.prediction.rows_per_s == pytest.approx(0.25 / TRUTH[THREADED].client_s(20))
    assert answer.unfounded == ("0.25 cores of the client",)


def test_one_and_a_half_cores_of_the_server_are_two_with_a_quota(model: Model) -> None:
    assert ask(model, THREADED, 20, server_cores=1.5).setup == Setup(server_cores=2, server_quota=1.5)


def test_cores_that_are_named_are_shared_with_nobody(campaign: tuple[Description, list[Record]]) -> None:
    described, records = campaign
    shared = {"split": BOTH}
    made = model_campaign(Campaign(replace(described, placements=shared), records))
    assert made is not None
    assert ask(made, THREADED, 20).setup == Setup(server_cores=2, shared_cores=2)
    assert ask(made, THREADED, 20, server_cores=4.0).setup == Setup(server_cores=4)
    assert ask(made, THREADED, 20, client_cores=0.5).setup == Setup(client_quota=0.5, server_cores=2)


def test_a_block_without_a_run_that_tells_the_contention_has_no_fit(
    campaign: tuple[Description, list[Record]],
) -> None:
    described, records = campaign
    for pool, blocks in ((1, {3}), (50, {3, 4})):
        # Threads are the baseline: what their runs tell is in the fits of asyncio, too.
        gaps = [
            one
            for one in records
            if not (one.cell.loader == THREADED and one.cell.poolsize == pool and one.block in blocks)
        ]
        made = model_campaign(Campaign(described, gaps))
        assert made is not None
        assert ask(made, ASYNCIO, 30).blocks == len(PACES) - len(blocks)


def test_several_cores_are_of_no_use_to_a_client_under_a_lock(model: Model) -> None:
    assert ask(model, THREADED, 20, client_cores=8.0).setup == Setup()


@pytest.mark.parametrize("trips", [1.0, 2.02, 0.0135])
def test_a_longer_round_trip_is_waited_for_as_often_as_the_loader_waits_for_a_row(model: Model, trips: float) -> None:
    near, far = (ask(model, THREADED, 1, rtt_s=rtt_s, trips=trips) for rtt_s in (0.0, 0.5e-3))
    assert 1 / far.prediction.rows_per_s - 1 / near.prediction.rows_per_s == pytest.approx(trips * 0.5e-3)
    assert (near.unfounded, far.unfounded) == ((), (f"a longer round trip ({trips:g} of them per row)",))


@pytest.mark.parametrize(
    ("axes", "trips"),
    [
        ({}, 1.01),
        ({"transaction": "per_record"}, 1.02),
        ({"loader": "row_by_row_asyncpg", "protocol": "extended"}, 2.02),
        ({"loader": "row_by_row_psycopg_threaded", "inserts": "executemany"}, 0.015),
    ],
)
def test_how_often_a_loader_waits_is_what_it_sends_of_itself(
    campaign: tuple[Description, list[Record]], axes: dict[str, Any], trips: float
) -> None:
    """Per row of 20,000 in 100 records, of which each has two SELECTs."""
    described, records = campaign
    cells = [replace(cell, cell=replace(cell.cell, **axes)) for cell in described.cells if "threaded" in cell.cell_key]
    ran = [replace(record, cell=replace(record.cell, **axes)) for record in records]
    made = model_campaign(Campaign(replace(described, cells=tuple(cells)), ran))
    assert made is not None
    ((contestant, _),) = name_contestants(made)
    assert find_round_trips(made, contestant, ran) == pytest.approx(trips)
    others = [replace(record, status="failed") for record in ran]
    assert find_round_trips(made, contestant, others) == 1.0


def test_the_answer_names_bounds_limit_and_what_it_was_tested_on(model: Model) -> None:
    lines = describe_answer(ask(model, ASYNCIO, 20), model).splitlines()
    assert lines[0].startswith("predicted: 15,328 rows/s (10,730 to 19,927 by 7 fits")
    assert lines[1:] == [
        "bounds:",
        "  the client: 37,168 rows/s (1 core / 26.9 µs per row)",
        "  the server: 15,328 rows/s (1 core / 65.2 µs per row)",
        "  so many connections: 61,701 rows/s (no row waits for another; 232 µs of delay besides both costs)",
        "limit: the server",
        "measured were: pools of 1 to 50, 1 core of the client, 1 core of the server, the round trip of this campaign",
        "tested on cells that it was not fitted on: pool 5 on split +0.0%, pool 50 on split +0.0%; "
        "median of all 3 cells of the campaign 0.0%",
    ]


def test_with_several_networks_the_tested_cells_name_theirs(model: Model) -> None:
    asked = ask(model, ASYNCIO, 20)
    near, far = asked.tested
    lines = describe_answer(replace(asked, tested=(near, (*far[:2], "region", far[3]))), model).splitlines()
    assert "pool 5 on split, loopback +0.0%, pool 50 on split, region +0.0%; " in lines[-1]
