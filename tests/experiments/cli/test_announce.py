from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from experiments.analysis.summary import summarize_all
from experiments.cli.announce import describe_outcome
from experiments.records.campaign import load_campaign
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record


def outcome(folder: CampaignFolder) -> str:
    campaign = load_campaign(folder)
    return describe_outcome(folder, campaign, summarize_all(campaign))


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
        f"results: {tmp_path}/README.md, records: {folder.path}/runs.jsonl\n"
        f"page to explore: {folder.path}/report.html"
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
