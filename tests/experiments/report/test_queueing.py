from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.analysis.queueing.model import Model, model_campaign, model_cells
from experiments.analysis.summary import summarize_campaign
from experiments.formatting import whole
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownExperiment
from experiments.records.folder import create
from experiments.report.charts.queueing import draw_model, panels_of
from experiments.report.front_page import campaign_page
from experiments.report.publish import write_tables
from experiments.report.queueing import (
    NO_PREDICTIONS,
    PREDICTIONS,
    describe_error,
    model_image,
    model_name,
    model_page,
)
from tests.experiments.made_models import ASYNCIO, POOLS, THREADED, MakeRecord, made_campaign

SVG = "{http://www.w3.org/2000/svg}"
THREADS_NAME, ASYNCIO_NAME = "psycopg2 · threads", "aiopg · uvloop"
PACES = (0.9, 0.95, 1.0, 1.0, 1.05, 1.1)


def model_of(description: Description, make_record: MakeRecord, **changes: object) -> tuple[Description, Model]:
    described, records = made_campaign(description, make_record, **changes)  # type: ignore[arg-type]
    made = model_campaign(Campaign(described, records))
    assert made is not None
    return described, made


def rows(page: str) -> list[list[str]]:
    lines = [line for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_cell_stands_with_its_bounds_prediction_and_error(
    description: Description, make_record: MakeRecord
) -> None:
    page = model_page(*model_of(description, make_record, server_costs={(ASYNCIO, 50): 1.25}))
    table = rows(page)
    assert table[0] == [
        *("loader", "pool size", "rows/s", "client could", "server could", "connections could"),
        *("predicted", "error", "note"),
    ]
    assert table[2] == [THREADS_NAME, "1", "4,348", "28,571", "8,696", "4,348", "4,348", "+0.0%", "fitted"]
    # 5 / (15 + 20 / 3 + 60 + 55 / 3 + 80 us): the delay is that of one connection.
    assert table[3][5] == whole(5 / 180e-6)
    assert [line[1] for line in table[2:10]] == ["1", "5", "20", "50"] * 2
    assert [line[-1] for line in table[2:10]] == [
        *("fitted", "", "fitted", "fitted"),
        *("fitted", "", "fitted", "the server's cost per row was 101 µs instead of 81"),
    ]
    assert table[9][-2] == "+25.0%"


def test_a_cell_that_is_far_off_though_it_was_fitted_on_says_why(
    description: Description, make_record: MakeRecord
) -> None:
    # Alone it is as quick as if both sides worked at the same time, which no delay explains.
    described, records = made_campaign(description, make_record, loaders=(THREADED,))
    quick = [replace(one, rows_per_s=9_000.0) if one.cell.poolsize == 1 else one for one in records]
    model = model_campaign(Campaign(described, quick))
    assert model is not None
    line = rows(model_page(described, model))[2]
    assert line[-2:] == ["-24.0%", "fitted; not the costs: rows waited less than the delay and the queues of the model"]


def test_the_page_says_what_the_model_is_made_of(description: Description, make_record: MakeRecord) -> None:
    page = model_page(*model_of(description, make_record))
    assert rows(page)[-2:] == [
        [
            *(THREADS_NAME, "15.0 +20.0 · 2/(N+1)", "60.0 +55.0 · 2/(N+1)", "80 · (3 - 2/N)", "1, 20"),
            "+1.0% per connection beyond 20",
        ],
        [
            *(ASYNCIO_NAME, "25.0 +20.0 · 2/(N+1)", "60.0 +55.0 · 2/(N+1)", "80 · (3 - 2/N)", "1, 20"),
            "+1.0% per connection beyond 20",
        ],
    ]


def test_the_median_error_is_told_with_and_without_contention(
    description: Description, make_record: MakeRecord
) -> None:
    _, model = model_of(description, make_record)
    assert describe_error(model) == (
        "**Median error: 0.0%** (3 cells that it was not fitted on). Without the server's contention it would be "
        "15.0%. The contention comes from one more cell of one loader, which is then among those not fitted on."
    )
    _, small = model_of(description, make_record, pools=(1, 20))
    assert describe_error(small) == "**Median error: not known**, as all cells were needed for fitting."
    _, three = model_of(description, make_record, pools=(1, 5, 20))
    assert describe_error(three) == "**Median error: 0.0%** (2 cells that it was not fitted on)."


def test_the_median_error_of_each_network_is_told(description: Description, make_record: MakeRecord) -> None:
    _, model = model_of(description, make_record, server_costs={(ASYNCIO, 50): 1.25})
    *others, last = model.cells
    there = replace(last.point.shown, cell=replace(last.point.shown.cell, network="region"))
    moved = replace(last, point=replace(last.point, shown=there))
    told = describe_error(replace(model, cells=(*others, moved)))
    assert " By network: loopback 0.0% (2 cells), region 25.0% (1 cell)." in told


def test_a_cell_without_prediction_has_its_bounds(description: Description, make_record: MakeRecord) -> None:
    described, records = made_campaign(description, make_record)
    made = model_campaign(Campaign(described, [one for one in records if one.cell_key != f"sha256:{ASYNCIO}-1"]))
    assert made is not None
    line = next(line for line in rows(model_page(described, made)) if line[0] == ASYNCIO_NAME)
    assert line == [ASYNCIO_NAME, "5", "11,066", "31,579", "12,766", "–", "–", "–", ""]  # noqa: RUF001


def test_the_page_says_where_the_servers_cost_is_not_that_of_the_phase(
    description: Description, make_record: MakeRecord
) -> None:
    described, records = made_campaign(description, make_record)
    exact = [
        replace(one, phases={**one.phases, "data": replace(one.phases["data"], server_cpu_s=1.0)})
        for one in records
        if one.phases
    ]
    pages = [
        model_page(described, model)
        for each in (records, exact, [*exact[:-1], records[-1]])
        if (model := model_campaign(Campaign(described, each)))
    ]
    said = [re.findall("The runs of (.*) did not measure the server's CPU time", page) for page in pages]
    assert said == [[f"all {len({one.cell_key for one in records})} cells"], [], ["1 cell"]]


def test_an_experiment_of_the_same_name_keeps_its_files(description: Description) -> None:
    assert model_name(description) == "model"
    same = replace(description, experiments=(ShownExperiment("model", "Which?"),))
    assert model_name(same) == "model~all"


def test_a_chart_has_a_panel_for_each_contestant_with_all_its_cells(
    description: Description, make_record: MakeRecord
) -> None:
    described, model = model_of(description, make_record, faster=PACES)
    svg = draw_model(described, model)
    groups = {group.get("id", ""): group for group in ElementTree.fromstring(svg).iter(f"{SVG}g")}
    points = [name for name in groups if name.startswith(("tested-", "fitted-"))]
    uses = {name: len(list(groups[name].iter(f"{SVG}use"))) for name in points}
    assert uses == {"tested-0": 1, "fitted-0": 3, "tested-1": 2, "fitted-1": 2}
    assert len(groups["intervals-0"].findall(f"{SVG}path")) == len(POOLS)
    assert {"line-predicted-0", "bound-0", "line-predicted-1", "bound-1"} <= groups.keys()
    assert [panel.caption for panel in panels_of(model)] == [THREADS_NAME, ASYNCIO_NAME]
    assert svg == draw_model(described, model)


def test_a_campaign_without_intervals_has_a_chart_without_them(
    description: Description, make_record: MakeRecord
) -> None:
    assert b"intervals-0" not in draw_model(*model_of(description, make_record))


def test_the_campaigns_page_links_to_it(description: Description, make_record: MakeRecord) -> None:
    line = "- Model: [measured and predicted](tables/model.md), median error 0.0%\n"
    assert line in campaign_page(summarize_campaign(Campaign(*made_campaign(description, make_record))))
    without = campaign_page(summarize_campaign(Campaign(*made_campaign(description, make_record, pools=(20,)))))
    assert "- Model:" not in without
    assert "- Bounds: [upper bounds of either side](tables/model.md)\n" in without


@pytest.mark.parametrize(("pools", "fitted"), [((1, 20), True), ((20,), False)])
def test_the_page_is_written_and_the_chart_where_there_are_cells_to_fit(
    tmp_path: Path, description: Description, make_record: MakeRecord, pools: tuple[int, ...], fitted: bool
) -> None:
    described, records = made_campaign(description, make_record, pools=pools, faster=PACES)
    folder = create(tmp_path, described)
    for record in records:
        folder.append(record)
    write_tables(folder)
    assert (folder.path / "charts/model.svg").is_file() is fitted
    page = (folder.path / "tables/model.md").read_text(encoding="utf-8")
    assert [text in page for text in (model_image("../charts/model.svg"), PREDICTIONS)] == [fitted] * 2
    assert (NO_PREDICTIONS in page) is not fitted


def test_without_predictions_the_page_has_the_bounds(description: Description, make_record: MakeRecord) -> None:
    described, records = made_campaign(description, make_record, pools=(5,))
    assert rows(model_page(described, model_cells(Campaign(described, records))))[::2] == [
        ["loader", "pool size", "rows/s", "client could", "server could"],
        [THREADS_NAME, "5", "11,334", "46,154", "12,766"],
    ]


def test_a_campaign_whose_runs_tell_no_costs_has_no_page(
    tmp_path: Path, description: Description, make_record: MakeRecord
) -> None:
    described, _ = made_campaign(description, make_record)
    folder = create(tmp_path, described)
    write_tables(folder)
    assert not (folder.path / "tables/model.md").exists()
