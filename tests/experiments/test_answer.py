from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.answer import END, START, replace_answer, write_answer
from experiments.cells import Cell
from experiments.chart_list import chart_images
from experiments.commands import tables
from experiments.description import Description
from experiments.errors import BadInput
from experiments.identity import PROJECT
from experiments.records import Record
from experiments.store import create
from experiments.tables import markdown_table


def test_the_answer_is_the_table_of_the_loaders_and_where_it_was_measured(
    description: Description, make_record: Callable[..., Record]
) -> None:
    records = [make_record()]
    images = chart_images(description, description.experiments[0], "results/one/charts")
    table = markdown_table(description, records, description.experiments[0], charts=images)
    assert "](results/one/charts/loaders.svg)" in table
    answer = write_answer(description, records, "here", "results/one/charts")
    measured = "- Measured on A Processor, 3 cores, in campaign `2026-11-22T1430-local`.\n"
    assert answer.replace(measured, "") == table
    assert f"than usual for it).\n{measured}" in answer


def test_a_campaign_without_the_question_has_no_answer(description: Description) -> None:
    with pytest.raises(BadInput, match=r"^results/one: has no experiment 'loaders'"):
        write_answer(replace(description, experiments=()), [], "results/one", "charts")


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    text = f"before\n{START}\nold\n{END}\nafter\n"
    assert replace_answer(text, "new\n", "README.md") == f"before\n{START}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["none", START, END, f"{START} {START} {END}", f"{END} {START}"])
def test_markers_that_are_not_there_once_in_their_order_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"^README\.md: "):
        replace_answer(text, "new", "README.md")


def test_the_command_puts_the_answer_into_a_file(
    tmp_path: Path, description: Description, threaded: Cell, make_record: Callable[..., Record]
) -> None:
    folder = create(tmp_path / "results", description)
    folder.append(make_record(threaded))
    readme = tmp_path / "README.md"
    readme.write_text(f"{START}\n{END}\n")
    tables.answer_in(readme, folder)
    assert "| row_by_row_threaded |" in readme.read_text()
    assert "](results/2026-11-22T1430-local/charts/loaders.svg)" in readme.read_text()


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path, description: Description) -> None:
    folder = create(tmp_path / "results", description)
    with pytest.raises(BadInput, match="No such file"):
        tables.answer_in(tmp_path / "nowhere.md", folder)


def test_the_projects_readme_has_the_markers() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert START in replace_answer(text, "", "README.md")
