from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from experiments.analysis.summary import summarize_campaign
from experiments.cli.announce import describe_delays, describe_outcome
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.plan import make_plan
from experiments.matrix.spec import load_matrix
from experiments.records.campaign import load_campaign
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record
from experiments.report.terminal import UNLIMITED
from tests.experiments.campaign.test_prepare import FakeEngine
from tests.project import ROOT


def outcome(folder: CampaignFolder) -> str:
    return describe_outcome(folder, summarize_campaign(load_campaign(folder)), UNLIMITED)


def test_the_outcome_has_tables_the_timed_share_and_where_results_are(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    folder = create(tmp_path, description)
    folder.append(make_record(rows_per_s=11_100.0, wall_s=2.5))
    text = outcome(folder)
    assert text.startswith("\nloaders: Is asyncio faster than threads?\nNoise floor: not known")
    assert "\n\nloader  " in text
    assert text.endswith(
        "81% of the wall time was spent in timed phases\n"
        "loaders: nothing is called different, as intervals need 5 blocks.\n"
        f"page: {folder.path}/report.html\n"
        f"records: {folder.path}/runs.jsonl"
    )
    assert "warning" not in text


def test_why_there_are_as_many_blocks_as_there_are_is_said_once_for_all_tables(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    until = {"precision": 0.05, "budget_s": 90.0, "ended": "budget"}
    folder = create(tmp_path, replace(description, until=until, repeats=1))
    folder.append(make_record())
    text = outcome(folder)
    assert text.count("1 block: the budget of 90 s is spent before every interval reached at most 5%; ") == 1


def test_what_went_wrong_is_a_warning(
    tmp_path: Path, description: Description, make_failure: Callable[..., Record]
) -> None:
    folder = create(tmp_path, description)
    folder.append(make_failure(status="failed", reason="run: error: lost"))
    folder.append(make_failure(block=2, status="failed", reason="interrupted", interrupted=True))
    text = outcome(folder)
    assert "warning: 1 run not ok; the tables name the reasons\n" in text
    assert "warning: nothing was measured; the tables name the reasons\n" in text


def test_a_plan_says_of_each_engine_what_delays_packets_and_why_it_is_no_netem(threaded: Cell) -> None:
    matrix = load_matrix(ROOT / "matrix.yaml")
    local, docker = FakeEngine(), FakeEngine()
    local.netem_obstacle = "no network of its own"
    cells = [replace(threaded, network="lan", engine=engine) for engine in ("local", "docker")]
    cells += [threaded, replace(threaded, network="two_hosts", engine="docker")]

    def described(*chosen: Cell) -> list[str]:
        plan = make_plan([PlannedCell(cell, "a", ("one",)) for cell in chosen], 1, 1)
        return describe_delays(plan, matrix, {"local": local, "docker": docker})

    assert described(*cells) == [
        "network, local: a relay stands in for netem: no network of its own",
        "network, docker: delayed by netem",
    ]
    assert described(*cells[2:]) == []
