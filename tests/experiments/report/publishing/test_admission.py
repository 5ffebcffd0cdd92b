from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.analysis.summary import summarize_campaign
from experiments.errors import BadInput
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.folder import create
from experiments.records.record import Host, Record
from experiments.report.publishing.admission import (
    find_disturbed_fault,
    find_file_faults,
    find_licence_fault,
    list_files,
    summarize_whole,
)
from tests.project import ROOT

LOADED = Host(0.0, 1.2, 0.9, observed_s=1.0)


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


@pytest.mark.parametrize("disturbed", [1, 2])
def test_up_to_a_twentieth_of_all_runs_may_be_disturbed(
    disturbed: int, description: Description, make_record: Callable[..., Record]
) -> None:
    described = replace(description, repeats=20, cells=description.cells[:1])
    records = [make_record(block=block) for block in range(1, 21)]
    records[:disturbed] = [replace(record, host=LOADED) for record in records[:disturbed]]
    fault = find_disturbed_fault(summarize_campaign(Campaign(described, records)))
    assert fault == (
        None
        if disturbed == 1
        else "10.0% (2 of 20 runs) disturbed; at most 5% may be; measure again on a quiet machine"
    )


def test_files_of_a_published_campaign_have_no_fault() -> None:
    for folder in (ROOT / "results/published").glob("*/"):
        assert list(find_file_faults(folder)) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("notes.txt", "", "is no file of a finished campaign"),
        ("attempt.json", "{}", "is no file of a finished campaign"),
        ("tables/deep/x.md", "", "is no file of a finished campaign"),
        ("runs.jsonl", '{"reason": "no /opt/our/secret/file"}\n', "has absolute path;"),
        ("runs.jsonl", '{"reason": ', "is not text in UTF-8, or not JSON"),
        ("runs.jsonl.xz", "no xz", "cannot be unpacked"),
        ("campaign.json", '{\n "x": "http://10.1.2.3:80"\n}', "has network address '10.1.2.3';"),
        ("explained/x.md", "in /home/somebody/x", "has home folder '/home/somebody';"),
        ("explained/x.md", "on box7 it was", "has host or user name 'box7';"),
        ("explained/x.md", "<b>x</b>", "has HTML or a link to another site"),
        ("compared/x.md", "[x](https://example.org)", "has HTML or a link to another site"),
        ("explained/x/x.svg", "<svg><script/></svg>", "is not SVG without scripts and links"),
        ("explained/x/x.svg", '<svg onload="x"/>', "is not SVG without scripts and links"),
        ("explained/x/x.svg", '<svg><use href="https://example.org"/></svg>', "is not SVG without scripts and links"),
        ("explained/x/x.svg", '<!DOCTYPE s [<!ENTITY a "b">]><svg/>', "is not SVG without scripts and links"),
        ("explained/x/x.svg", "<svg><style>@import 'x'</style></svg>", "is not SVG without scripts and links"),
        ("explained/x/x.svg", '<svg fill="url(https://example.org)"/>', "is not SVG without scripts and links"),
        ("explained/x/x.svg", '<b xmlns="http://www.w3.org/1999/xhtml"/>', "is not SVG without scripts and links"),
        ("explained/x/x.svg", "no svg", "is not SVG without scripts and links"),
    ],
)
def test_a_file_that_is_not_to_be_published_is_named(tmp_path: Path, name: str, text: str, fault: str) -> None:
    write(tmp_path, name, text)
    (found,) = find_file_faults(tmp_path, ["box7"])
    assert found.startswith(f"{name}: {fault}")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "explained").symlink_to("/")
    (tmp_path / "README.md").symlink_to("/etc/hostname")
    assert [fault.partition(";")[0] for fault in find_file_faults(tmp_path)] == [
        "README.md: is a link",
        "explained: is a link",
    ]


def test_what_is_not_copied_is_not_looked_at(tmp_path: Path) -> None:
    for name in ("samples.jsonl", "report.html", ".unreported", ".x/y", "campaign.json"):
        write(tmp_path, name, "/home/somebody/x")
    assert list_files(tmp_path) == [Path("campaign.json")]


def test_a_folder_has_the_name_of_its_campaign_and_one_that_pages_can_link_to(
    tmp_path: Path, description: Description
) -> None:
    folder = create(tmp_path, description)
    for name, fault in (("a b", "a campaign's name has letters"), ("other", "folder and campaign have one name")):
        folder.path = folder.path.rename(tmp_path / name)
        with pytest.raises(BadInput, match=fault):
            summarize_whole(type(folder)(folder.path))


def test_the_licence_of_results_is_that_of_the_project(tmp_path: Path) -> None:
    assert find_licence_fault(ROOT / "results") is None
    assert "is not CC BY 4.0" in str(find_licence_fault(tmp_path))
