from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownExperiment
from experiments.records.folder import create
from experiments.records.record import Record
from experiments.report.publish import write_front_page, write_tables

CHARTS = ["loaders.svg"]


@pytest.fixture
def records(make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell) -> list[Record]:
    return [make_record(threaded), make_record(uvloop_cell)]


def test_the_front_page_shows_the_newest_campaign_that_is_no_reproduction(
    tmp_path: Path, description: Description
) -> None:
    again = replace(description, campaign="again", created_at="2026-11-23T14:30:02Z", reproduces="own")
    create(tmp_path, again)
    write_front_page(tmp_path)
    # There is nothing else to show.
    assert "`again/runs.jsonl`" in (tmp_path / "README.md").read_text()
    for name, created_at in (("old", "2026-11-21T14:30:02Z"), ("own", "2026-11-22T14:30:02Z")):
        create(tmp_path, replace(description, campaign=name, created_at=created_at))
    write_front_page(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "`own/runs.jsonl`" in text
    assert text.index("\n- old: ") < text.index("## Reproductions")


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
    files = [tmp_path / "README.md", folder.path / "README.md", folder.path / "report.html", *written]
    before = {file: file.read_bytes() for file in files}
    assert [file.name for file in files] == [
        *("README.md", "README.md", "report.html", "loaders.csv", "loaders.md", "model.md"),
        *CHARTS,
    ]
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
    for record in records:
        folder.append(record)
    write_front_page(tmp_path)
    assert sorted(file.name for file in (folder.path / "charts").iterdir()) == CHARTS


def test_every_page_of_the_whole_question_has_its_answer_above_the_table(
    tmp_path: Path, description: Description, records: list[Record]
) -> None:
    cells = tuple(replace(cell, experiments=("io_or_cpu",)) for cell in description.cells)
    matrix = {**description.matrix, "experiments": {"io_or_cpu": {"matrix": {"loop": ["uvloop", "asyncio"]}}}}
    experiments = (ShownExperiment("io_or_cpu", "IO?"),)
    folder = create(tmp_path, replace(description, cells=cells, matrix=matrix, experiments=experiments))
    for record in records:
        folder.append(record)
    write_tables(folder)
    write_front_page(tmp_path)
    for page in (folder.path / "tables/io_or_cpu.md", tmp_path / "README.md"):
        text = page.read_text()
        assert text.index("\n- One core of Python could do ") < text.index("![Chart of io") < text.index("| loader ")
