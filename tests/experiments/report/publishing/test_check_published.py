from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.analysis.summary import summarize_campaign
from experiments.records.campaign import load_readable
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, create, list_campaigns
from experiments.records.record import Host, Record
from experiments.report.publish import write_gallery, write_parts
from experiments.report.publishing import check_published as checking
from experiments.report.publishing.check_published import check_published
from tests.project import ROOT


@pytest.fixture
def published(tmp_path: Path) -> Path:
    results = tmp_path / "results/published"
    results.mkdir(parents=True)
    shutil.copy(ROOT / "results/LICENSE", results.parent)
    return results


@pytest.fixture
def add(published: Path, description: Description, make_record: Callable[..., Record]) -> Callable[..., CampaignFolder]:
    """Adds a campaign with all its runs, of which the first were ``disturbed``, and writes all pages."""

    def add(name: str, created_at: str = "2026-12-01T14:30:02Z", disturbed: int = 0) -> CampaignFolder:
        folder = create(published, replace(description, campaign=name, created_at=created_at))
        for place, (cell_key, arm, block) in enumerate(sorted(description.planned_runs)):
            shown = next(one for one in description.cells if (one.cell_key, one.arm) == (cell_key, arm))
            made = make_record(shown.cell, cell_key=cell_key, arm=arm, block=block, campaign=name)
            loaded = Host(0.0, 1.2, 0.9, observed_s=1.0)
            folder.append(replace(made, host=loaded) if place < disturbed else made)
        campaigns = [summarize_campaign(one) for one in load_readable(list_campaigns(published))]
        write_parts(folder, campaigns[[one.campaign.name for one in campaigns].index(name)])
        write_gallery(published.parent / "README.md", published, campaigns)
        return folder

    return add


def test_campaigns_that_keep_the_rules_have_no_fault_and_older_ones_may_be_disturbed(
    published: Path, add: Callable[..., CampaignFolder]
) -> None:
    add("good")
    add("older", "2026-11-28T14:30:02Z", disturbed=2)
    found = check_published(published)
    assert (found.faults, [one.campaign.name for one in found.campaigns]) == ([], ["good", "older"])
    assert found.warnings == [
        "older: 11.1% (2 of 18 runs) disturbed; at most 5% may be; measure again on a quiet machine"
    ]
    add("newer", "2026-11-29T00:00:00Z", disturbed=2)
    assert [fault.partition(" (")[0] for fault in check_published(published).faults] == ["newer: 11.1%"]


def test_every_campaign_that_cannot_be_read_or_breaks_a_rule_is_named(
    published: Path, add: Callable[..., CampaignFolder]
) -> None:
    torn, cut, leaking = add("torn"), add("cut"), add("leaking")
    lines = (torn.path / "runs.jsonl").read_text()
    (torn.path / "runs.jsonl").write_text(lines[:-1])
    (cut.path / "runs.jsonl").write_text(lines.partition("\n")[0] + "\n")
    (leaking.path / "notes.txt").touch()
    (published / "empty").mkdir()
    (published / "more.html").touch()
    faults = check_published(published).faults
    assert len(faults) == 5
    for place in ("cut: unfinished, 17 runs left", "leaking: notes.txt: ", "more.html: ", "torn/runs.jsonl:18: "):
        assert [fault for fault in faults if place in fault], place


def test_files_that_are_missing_added_or_changed_by_hand_are_named(
    published: Path, add: Callable[..., CampaignFolder]
) -> None:
    folder = add("good")
    (folder.path / "tables/loaders.csv").unlink()
    (folder.path / "tables/more.csv").touch()
    (published / "cells.csv").write_text("x")
    (published.parent / "README.md").write_text("# Results\n")
    (published / "cells.parquet").touch()
    places = [fault.partition(": ")[0] for fault in check_published(published).faults]
    assert places == [
        *("cells.csv", "good/tables/loaders.csv", "good/tables/more.csv"),
        str(published.parent / "README.md"),
    ]


def test_nothing_is_read_of_results_that_are_too_large_or_without_licence(
    published: Path, add: Callable[..., CampaignFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    (add("bad").path / "runs.jsonl").write_text("no JSON")
    with monkeypatch.context() as patch:
        patch.setattr(checking, "MAX_BYTES", 1000)
        (fault,) = check_published(published).faults
    assert " bytes; less than 1,000 are allowed; " in fault
    (published.parent / "LICENSE").unlink()
    assert ["is not CC BY 4.0" in fault for fault in check_published(published).faults] == [True]
