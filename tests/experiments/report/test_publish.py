from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.analysis.campaign_summary import summarize_campaign
from experiments.cli import tables
from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownExperiment
from experiments.records.folder import create
from experiments.records.record import Record
from experiments.report.front_page import Other, timed_share, write_readme
from experiments.report.publish import write_front_page, write_tables

CHARTS = ["loaders-time.svg", "loaders.svg"]

ORIGIN = """\
## How these results came to be

- Machine: A Processor (x86_64), virtual machine
- Cores: 3 used of 4
- Memory: 8.0 GiB
- System: Debian 12, kernel Linux 6.1
- File system of the servers on disk: ext4
- Cores `split`: loader on core 0, server on cores 1-2
- Python `3.13`: CPython 3.13.0; aiopg 1.4.0, psycopg2 2.9.11
- PostgreSQL `default`: 17.11 on disk; `max_connections=30`
- Data `ny`: 100 geo records, 100 data records, 22,200 rows to insert; digest `geo:100:1;data:22200:2`
- Campaign: `2026-11-22T1430-local`, begun 2026-11-22T14:30:02Z, engine local
- Commit: 0123abc
- matrix.yaml: sha256:m
- Chosen: profile smoke; only loop=asyncio,uvloop and python=3.13; experiments loaders
- Order: 6 blocks, each shuffled; seed 2014
- Bounds: [what either side could have done](2026-11-22T1430-local/tables/model.md)
- Duration: 6 s, 79% of it inside timed phases
- Harness: Python 3.11.2, rich 13.9

## Older campaigns

- [old](old/tables/): loaders; 6 blocks
- killed: loaders; 6 blocks; unfinished, 5 runs left
"""


@pytest.fixture
def records(make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell) -> list[Record]:
    return [make_record(threaded), make_record(uvloop_cell)]


def test_the_front_page_says_how_the_results_came_to_be(description: Description, records: list[Record]) -> None:
    older = [Other(replace(description, campaign="old"), 0), Other(replace(description, campaign="killed"), 5)]
    text = write_readme(summarize_campaign(Campaign(description, records)), older)
    assert text.endswith(ORIGIN)
    assert "## loaders\n\nIs asyncio faster than threads?\n\n**Noise floor: not known**" in text
    reproduction = replace(description, campaign="again", reproduces="2026-11-22T1430-local")
    again = write_readme(summarize_campaign(Campaign(reproduction, records)), older)
    assert (
        "\n- Reproduces: `2026-11-22T1430-local`: [which of its numbers came out again](again/reproduced.md)\n" in again
    )


def test_reproductions_stand_apart_with_the_pages_that_say_what_came_out_again(
    description: Description, records: list[Record]
) -> None:
    others = [
        Other(replace(description, campaign="again", reproduces="old"), 0),
        Other(replace(description, campaign="once more", reproduces="old"), 5),
    ]
    assert write_readme(summarize_campaign(Campaign(description, records)), others).endswith(
        "## Older campaigns\n\nNone.\n\n## Reproductions\n\n"
        "- [again](again/reproduced.md): `old` again; loaders; 6 blocks\n"
        "- once more: `old` again; loaders; 6 blocks; unfinished, 5 runs left\n"
    )


def test_the_front_page_shows_the_newest_campaign_that_is_no_reproduction(
    tmp_path: Path, description: Description
) -> None:
    again = replace(description, campaign="again", created_at="2026-11-23T14:30:02Z", reproduces="own")
    create(tmp_path, again)
    write_front_page(tmp_path)
    # There is nothing else to show.
    assert "- Campaign: `again`, " in (tmp_path / "README.md").read_text()
    for name, created_at in (("old", "2026-11-21T14:30:02Z"), ("own", "2026-11-22T14:30:02Z")):
        create(tmp_path, replace(description, campaign=name, created_at=created_at))
    write_front_page(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "- Campaign: `own`, " in text
    assert text.index("\n- [old](old/tables/)" if "[old]" in text else "\n- old: ") < text.index("## Reproductions")
    assert tables.choose_campaign(tmp_path, None).path.name == "own"


def test_a_campaign_that_was_killed_between_blocks_that_are_added_is_unfinished(
    description: Description, records: list[Record]
) -> None:
    until = {"precision": 0.05, "budget_s": 1800.0}
    killed = Other(replace(description, campaign="killed", until=until), 0)
    ended = Other(replace(description, campaign="ended", until={**until, "ended": "budget"}), 0)
    assert write_readme(summarize_campaign(Campaign(description, records)), [killed, ended]).endswith(
        "- killed: loaders; 6 blocks; unfinished, more blocks may follow\n- [ended](ended/tables/): loaders; 6 blocks\n"
    )


def test_the_share_of_timed_phases_is_of_the_whole_runs(make_record: Callable[..., Record]) -> None:
    records = [make_record(rows_per_s=11_100.0, wall_s=2.5), make_record(rows_per_s=22_200.0, wall_s=1.5)]
    assert timed_share(records) == pytest.approx((2.02 + 1.02) / 4)
    assert timed_share([]) is None


def test_tables_are_rebuilt_from_the_records_alone_byte_for_byte(
    tmp_path: Path, description: Description, records: list[Record]
) -> None:
    folder = create(tmp_path, description)
    create(tmp_path, replace(description, campaign="old", created_at="2026-11-21T14:30:02Z"))
    for record in records:
        folder.append(record)
    write_tables(folder)
    write_front_page(tmp_path)
    written = [*sorted((folder.path / "tables").iterdir()), *sorted((folder.path / "charts").iterdir())]
    files = [tmp_path / "README.md", *written]
    before = {file: file.read_bytes() for file in files}
    assert [file.name for file in files] == ["README.md", "loaders.csv", "loaders.md", "model.md", *CHARTS]
    for file in files:
        file.unlink()
    write_tables(folder)
    write_front_page(tmp_path)
    assert {file: file.read_bytes() for file in files} == before


def test_pages_show_charts_that_are_there_and_charts_of_questions_no_longer_asked_go(
    tmp_path: Path, description: Description, records: list[Record]
) -> None:
    folder = create(tmp_path, description)
    for record in records:
        folder.append(record)
    charts = folder.path / "charts"
    charts.mkdir()
    (charts / "of_before.svg").touch()
    write_tables(folder)
    write_front_page(tmp_path)
    assert sorted(file.name for file in charts.iterdir()) == CHARTS
    for page in (tmp_path / "README.md", folder.path / "tables" / "loaders.md"):
        shown = re.findall(r"^!\[.+\]\((.+)\)$", page.read_text(), re.MULTILINE)
        assert sorted((page.parent / link).resolve() for link in shown) == [
            (charts / name).resolve() for name in CHARTS
        ]


def test_the_front_page_has_the_charts_of_a_campaign_that_was_reported_without(
    tmp_path: Path, description: Description, records: list[Record]
) -> None:
    folder = create(tmp_path, description)
    folder.append(records[0])
    write_front_page(tmp_path)
    assert sorted(file.name for file in (folder.path / "charts").iterdir()) == CHARTS


def test_the_tables_of_a_campaign_that_was_killed_are_made_of_its_whole_records(
    tmp_path: Path, description: Description, records: list[Record]
) -> None:
    folder = create(tmp_path, description)
    folder.append(records[0])
    with (folder.path / "runs.jsonl").open("a") as runs:
        runs.write('{"schema": 1, "camp')
    assert main(["tables", "--results", str(tmp_path)]) == 0
    assert folder.records() == records[:1]


def test_the_newest_campaign_is_chosen_or_the_one_that_is_named(tmp_path: Path, description: Description) -> None:
    create(tmp_path, replace(description, campaign="old", created_at="2026-11-21T14:30:02Z"))
    create(tmp_path, replace(description, campaign="new"))
    assert tables.choose_campaign(tmp_path, None).path.name == "new"
    assert tables.choose_campaign(tmp_path, "old").path.name == "old"


def test_a_campaign_that_is_not_there_is_bad_input(tmp_path: Path, description: Description) -> None:
    with pytest.raises(BadInput, match=r"holds no campaign; run one with: nox -s matrix"):
        tables.choose_campaign(tmp_path, None)
    create(tmp_path, replace(description, campaign="new"))
    with pytest.raises(BadInput, match=r"'nwe' is no campaign there \(did you mean new\? known: new\)"):
        tables.choose_campaign(tmp_path, "nwe")


def test_every_page_of_the_whole_question_has_its_answer_above_the_table(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    cells = tuple(replace(cell, experiments=("io_or_cpu",)) for cell in description.cells)
    matrix = {**description.matrix, "experiments": {"io_or_cpu": {"matrix": {"loop": ["uvloop", "asyncio"]}}}}
    experiments = (ShownExperiment("io_or_cpu", "IO?"),)
    folder = create(tmp_path, replace(description, cells=cells, matrix=matrix, experiments=experiments))
    folder.append(make_record())
    write_tables(folder)
    write_front_page(tmp_path)
    for page in (folder.path / "tables/io_or_cpu.md", tmp_path / "README.md"):
        text = page.read_text()
        assert text.index("- **IO bound or CPU bound?**") < text.index("![Chart of io") < text.index("| loader ")
