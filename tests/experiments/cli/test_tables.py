from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.cli.tables import END, START, choose_campaign, replace_answer
from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput
from experiments.records.campaign import LOCAL, PUBLISHED, find_campaign, list_known
from experiments.records.description import Description
from experiments.records.folder import create
from experiments.records.record import Record


@pytest.fixture
def folders(tmp_path: Path, description: Description, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that commands run in, with two local campaigns and a published one that is newer."""
    monkeypatch.chdir(tmp_path)
    for results, name, created_at in (
        (LOCAL, "old", "2026-11-21T14:30:02Z"),
        (LOCAL, "new", "2026-11-22T14:30:02Z"),
        (PUBLISHED, "shown", "2026-11-23T14:30:02Z"),
    ):
        create(results, replace(description, campaign=name, created_at=created_at))
    return tmp_path


def test_the_tables_of_a_campaign_that_was_killed_are_made_of_its_whole_records(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    folder = create(tmp_path, description)
    record = make_record()
    folder.append(record)
    with (folder.path / "runs.jsonl").open("a") as runs:
        runs.write('{"schema": 1, "camp')
    assert main(["tables", "--results", str(tmp_path)]) == 0
    assert folder.records() == [record]


@pytest.mark.usefixtures("folders")
def test_the_newest_local_campaign_is_chosen_or_the_one_that_is_named() -> None:
    assert [folder.path.name for folder in list_known(LOCAL)] == ["new", "old", "shown"]
    assert choose_campaign(LOCAL, None).path.name == "new"
    assert choose_campaign(LOCAL, "old").path.name == "old"
    assert choose_campaign(LOCAL, "shown").path == PUBLISHED / "shown"


@pytest.mark.usefixtures("folders")
def test_a_reproduction_is_chosen_only_where_there_is_nothing_else(description: Description) -> None:
    create(LOCAL, replace(description, campaign="again", created_at="2026-11-24T14:30:02Z", reproduces="new"))
    assert choose_campaign(LOCAL, None).path.name == "new"


@pytest.mark.usefixtures("folders")
def test_a_local_campaign_goes_before_a_published_one_of_the_same_name(description: Description) -> None:
    create(LOCAL, replace(description, campaign="shown"))
    assert find_campaign(LOCAL, "shown").path == LOCAL / "shown"


def test_a_folder_that_is_given_is_used_alone(folders: Path, description: Description) -> None:
    create(folders / "look", replace(description, campaign="mine"))
    assert [folder.path.name for folder in list_known(folders / "look")] == ["mine"]
    with pytest.raises(BadInput, match=r"^'shown' is neither a campaign of .*/look nor the folder of one"):
        find_campaign(folders / "look", "shown")
    assert find_campaign(folders / "look", "shown", LOCAL, PUBLISHED).path == PUBLISHED / "shown"
    with pytest.raises(
        BadInput, match=rf"^'shwn' is neither a campaign of {LOCAL} or {PUBLISHED} .*did you mean shown"
    ):
        find_campaign(LOCAL, "shwn")


def test_a_campaign_that_is_not_there_is_bad_input(tmp_path: Path, description: Description) -> None:
    with pytest.raises(BadInput, match=r"holds no campaign; run one with: nox -s matrix"):
        choose_campaign(tmp_path, None)
    create(tmp_path, replace(description, campaign="new"))
    with pytest.raises(BadInput, match=r"'nwe' is neither a campaign of .* \(did you mean new\? known: new\)"):
        choose_campaign(tmp_path, "nwe")


def test_the_page_that_is_written_is_that_of_the_campaigns_own_folder(
    folders: Path, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tables"]) == 0
    assert capsys.readouterr().out.endswith(f"wrote {LOCAL / 'README.md'}\n")
    assert not (folders / "results/README.md").exists()
    assert main(["tables", "shown"]) == 0
    assert capsys.readouterr().out.endswith("wrote results/README.md\n")
    assert "](published/shown/README.md)" in (folders / "results/README.md").read_text()
    assert (PUBLISHED / "shown/README.md").is_file()
    assert not (PUBLISHED / "README.md").exists()
    elsewhere = create(folders / "elsewhere", replace(description, campaign="mine")).path
    assert main(["tables", str(elsewhere)]) == 0
    assert not (elsewhere.parent / "README.md").exists()


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    text = f"before\n{START}\nold\n{END}\nafter\n"
    assert replace_answer(text, "new\n", "README.md") == f"before\n{START}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["none", START, END, f"{START} {START} {END}", f"{END} {START}"])
def test_markers_that_are_not_there_once_in_their_order_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"^README\.md: "):
        replace_answer(text, "new", "README.md")


def test_the_command_puts_the_answer_into_a_file(
    tmp_path: Path, description: Description, make_record: Callable[..., Record], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = create(tmp_path / "results", description)
    folder.append(make_record())
    readme = tmp_path / "README.md"
    readme.write_text(f"{START}\n{END}\n")
    command = ["tables", "--results", str(tmp_path / "results"), "--readme"]
    assert main([*command, str(readme)]) == 0
    assert "\n- One core of Python could do " in readme.read_text()
    assert "](results/2026-11-22T1430-local/tables/loaders.md)" in readme.read_text()
    assert main([*command, str(tmp_path / "nowhere.md")]) == 2
    assert "nowhere.md: No such file" in capsys.readouterr().err


def test_the_projects_readme_has_the_markers() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert START in replace_answer(text, "", "README.md")


def test_damaged_campaigns_beside_it_do_not_stop_the_tables_of_one(
    folders: Path, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, damaged in (("bytes", "campaign.json"), ("lines", "runs.jsonl"), ("attempts", "attempt.json")):
        (create(LOCAL, replace(description, campaign=name)).path / damaged).write_bytes(b"\xff\n")
    assert main(["tables", "new"]) == 0
    assert capsys.readouterr().err.count("this campaign is left out") == 3
    page = (folders / LOCAL / "README.md").read_text()
    assert ("- old: " in page, "bytes" in page, "- attempts: " in page) == (True, False, True)
    assert main(["tables", "bytes"]) == 2
    assert f"error: {LOCAL / 'bytes' / 'campaign.json'}:1: not JSON" in capsys.readouterr().err


@pytest.mark.parametrize("link", ["tables", "charts", "tables/.loaders.md.new", "README.md"])
def test_nothing_is_written_through_a_link_in_a_campaign(
    link: str, tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    folder = create(tmp_path / "results", description)
    folder.append(make_record())
    victim = tmp_path / "victim"
    (victim if link in ("tables", "charts") else tmp_path / "other").mkdir()
    (folder.path / link).parent.mkdir(exist_ok=True)
    (folder.path / link).symlink_to(victim)
    assert main(["tables", str(folder.path)]) == (2 if victim.exists() else 0)
    assert not victim.exists() or not [*victim.iterdir()]


@pytest.mark.parametrize("results", ["", "."])
def test_the_page_of_a_project_is_not_overwritten(
    results: str, folders: Path, description: Description, capsys: pytest.CaptureFixture[str]
) -> None:
    create(folders, replace(description, campaign="here"))
    (folders / "README.md").write_text("# My project\n")
    assert main(["tables", "--results", results]) == 2
    assert (folders / "README.md").read_text() == "# My project\n"
    assert "README.md is no page of results; choose a folder without" in capsys.readouterr().err
