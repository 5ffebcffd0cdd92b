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
from experiments.records.record import Host, Record, to_json_line
from tests.project import ROOT


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
    (LOCAL.parent / "LICENSE").write_bytes((ROOT / "results/LICENSE").read_bytes())
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
    told, title = capsys.readouterr().out.split("\n\nTitle and text of the pull request:\n\n")
    assert told == f"copied {local.path} to {copied}\nwrote results/README.md"
    assert title.startswith("Results: A Processor, 3 cores, local, Python 3.13.0\n")
    files = {file.relative_to(copied).as_posix() for file in copied.rglob("*") if file.is_file()}
    made = {"README.md", "tables/loaders.csv", "tables/loaders.md", "tables/model.md"}
    assert files == {"campaign.json", "runs.jsonl.xz", "explained/page.md", *made}
    assert CampaignFolder(copied).records() == local.records()
    assert f"| [{name}](published/{name}/README.md) | 3.13.0 |" in Path("results/README.md").read_text()
    assert [folder.path.name for folder in list_campaigns(PUBLISHED)] == [name]
    assert f'"name":"{name}","records":"{name}/runs.jsonl.xz"' in (PUBLISHED / "index.html").read_text()


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
    assert sorted(file.name for file in PUBLISHED.iterdir()) == [
        *(".lock", local.path.name),
        *("cells.csv", "index.html"),
    ]


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


def test_all_that_breaks_a_rule_is_named(local: CampaignFolder, capsys: pytest.CaptureFixture[str]) -> None:
    records = local.records()
    load = Host(0.0, 1.2, 0.9, observed_s=1.0)
    disturbed = [replace(one, host=load) if place < 2 else one for place, one in enumerate(records)]
    (local.path / "runs.jsonl").write_text("".join(f"{to_json_line(one)}\n" for one in disturbed))
    page = local.path / "explained/page.md"
    page.write_text("by somebody@example.org")
    assert main(["publish", local.path.name]) == 2
    personal = "explained/page.md: has e-mail address 'somebody@example.org'; nothing personal is published;"
    share = "11.1% (2 of 18 runs) disturbed; at most 5% may be; measure again on a quiet machine"
    assert capsys.readouterr().err == (
        f"error: {local.path.name}: breaks 2 rules of docs/publish.md\n{personal} replace it in this file\n{share}\n"
    )
    assert list_campaigns(PUBLISHED) == []


def test_what_was_published_passes_the_check_until_a_file_is_changed(
    local: CampaignFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", local.path.name]) == 0
    capsys.readouterr()
    assert main(["publish", "--check"]) == 0
    assert capsys.readouterr().out.startswith("1 campaign of results/published checked: ")
    (PUBLISHED / "index.html").write_text("else")
    assert main(["publish", "--check"]) == 2
    assert capsys.readouterr().err == (
        "error: 1 fault in results/published\n"
        f"index.html: is not what the records make; write it: nox -s tables -- {local.path.name}\n"
    )


@pytest.mark.parametrize("arguments", [[], ["x", "--check"]])
def test_either_a_campaign_or_a_check_is_asked_for(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", *arguments]) == 2
    assert "expected either CAMPAIGN or --check; " in capsys.readouterr().err
