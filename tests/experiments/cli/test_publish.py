from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.records.campaign import LOCAL, PUBLISHED
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, create, list_campaigns
from experiments.records.record import Record


@pytest.fixture
def local(
    tmp_path: Path, description: Description, make_record: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> CampaignFolder:
    """A local campaign with all its runs, in the folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    folder = create(LOCAL, description)
    for cell_key, arm, block in sorted(description.planned_runs):
        shown = next(one for one in description.cells if (one.cell_key, one.arm) == (cell_key, arm))
        folder.append(make_record(shown.cell, cell_key=cell_key, arm=arm, block=block))
    (folder.path / "explained").mkdir()
    for name in ("explained/page.md", "samples.jsonl", "report.html", ".campaign.json.new"):
        (folder.path / name).touch()
    return folder


def test_a_campaign_is_copied_whole_but_for_its_samples_and_page_and_listed(
    local: CampaignFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    name = local.path.name
    assert main(["publish", name]) == 0
    copied = PUBLISHED / name
    assert capsys.readouterr().out == f"copied {local.path} to {copied}\nwrote results/README.md\n"
    files = {file.relative_to(copied).as_posix() for file in copied.rglob("*") if file.is_file()}
    assert files == {"campaign.json", "runs.jsonl", "explained/page.md"}
    assert CampaignFolder(copied).records() == local.records()
    assert f"| [{name}](published/{name}/README.md) | A Processor" in Path("results/README.md").read_text()
    assert [folder.path.name for folder in list_campaigns(PUBLISHED)] == [name]
    assert f'"name":"{name}","folder":"{name}/"' in (PUBLISHED / "index.html").read_text()


def test_a_campaign_elsewhere_is_published_by_its_folder(local: CampaignFolder, tmp_path: Path) -> None:
    moved = tmp_path / "look" / local.path.name
    moved.parent.mkdir()
    local.path.rename(moved)
    assert main(["publish", str(moved)]) == 0
    assert (PUBLISHED / moved.name / "campaign.json").is_file()


def test_a_copy_that_was_interrupted_is_no_campaign_and_is_made_again(
    local: CampaignFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(source: Path, target: Path, **_: object) -> None:
        target.mkdir(parents=True)
        (target / "campaign.json").write_bytes((source / "campaign.json").read_bytes())
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", break_off)
        assert main(["publish", local.path.name]) == 1
    assert list_campaigns(PUBLISHED) == []
    assert not Path("results/README.md").exists()
    assert main(["publish", local.path.name]) == 0
    assert sorted(file.name for file in PUBLISHED.iterdir()) == [".lock", local.path.name, "index.html"]


def test_what_cannot_be_published_is_bad_input(
    local: CampaignFolder, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    name = local.path.name

    def refused(campaign: str) -> str:
        assert main(["publish", campaign]) == 2
        return capsys.readouterr().err

    assert f"(did you mean {name}? known: {name})" in refused(name[:-1])
    create(LOCAL, replace(description, campaign="killed"))
    assert refused("killed") == (
        "error: killed: unfinished, 18 runs left; rerun the command that began it, then publish\n"
    )
    create(LOCAL, replace(description, campaign="grows", cells=(), until={"precision": 0.05, "budget_s": 1.0}))
    assert refused("grows").startswith("error: grows: unfinished, more blocks left; ")
    assert main(["publish", name]) == 0
    capsys.readouterr()
    for again in (name, str(PUBLISHED / name)):
        assert refused(again) == (
            f"error: {name}: already in {PUBLISHED}; to rewrite its tables: nox -s tables -- {name}\n"
        )
