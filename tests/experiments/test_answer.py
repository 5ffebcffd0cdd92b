from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.answer import (
    END,
    START,
    WHO,
    describe_question,
    find_question,
    list_sentences,
    replace_answer,
    write_answer,
)
from experiments.answer_facts import find_facts
from experiments.cells import Cell
from experiments.chart_list import chart_images
from experiments.commands import tables
from experiments.description import Description, ShownExperiment
from experiments.errors import BadInput
from experiments.identity import PROJECT
from experiments.records import Record
from experiments.store import create
from experiments.summary import summarize
from experiments.tables import markdown_table


def test_the_answer_is_the_table_of_the_loaders_and_where_it_was_measured(
    description: Description, make_record: Callable[..., Record]
) -> None:
    records = [make_record()]
    images = chart_images(description, description.experiments[0], "results/one/charts")
    summary = summarize(description, records, description.experiments[0])
    sentences = list_sentences(find_facts(description, records, summary))
    table = markdown_table(description, records, description.experiments[0], charts=sentences + images)
    assert "](results/one/charts/loaders.svg)" in table
    answer = write_answer(description, records, "here", "results/one")
    measured = "- Measured on A Processor, 3 cores, in campaign `2026-11-22T1430-local`.\n"
    assert answer.replace(measured, "") == table
    assert f"than usual for it).\n{measured}" in answer


def test_a_campaign_without_the_question_has_no_answer(description: Description) -> None:
    with pytest.raises(BadInput, match=r"^results/one: has no experiment 'io_or_cpu' or 'loaders'"):
        write_answer(replace(description, experiments=()), [], "results/one", "results/one")


def asking(description: Description) -> Description:
    """The same campaign with the experiment that asks the whole question."""
    cells = tuple(replace(cell, experiments=("io_or_cpu",)) for cell in description.cells)
    matrix = {**description.matrix, "experiments": {"io_or_cpu": {"matrix": {"loop": ["uvloop", "asyncio"]}}}}
    return replace(description, experiments=(ShownExperiment("io_or_cpu", "IO?"),), cells=cells, matrix=matrix)


def test_the_whole_question_has_sentences_a_table_of_settings_and_where_the_rest_is(
    description: Description, make_record: Callable[..., Record], uvloop_cell: Cell
) -> None:
    records = [make_record(block=1), make_record(uvloop_cell, block=1)]
    answer = write_answer(asking(description), records, "here", "results/one")
    assert answer.startswith(f"IO?\n\n{WHO}\n\n- **IO bound or CPU bound?** With 20 connections and PostgreSQL")
    assert answer.count("\n- **") == 5
    assert "](results/one/charts/" not in answer
    assert "rows/s of threads |" in answer
    assert "- PostgreSQL: default: 17.11 on disk, synchronous_commit=off.\n" in answer
    assert "- Cores: split: loader on core 0, server on cores 1-2.\n" in answer
    assert "- Runs: 2 ok of 18 planned; 0 were disturbed.\n" in answer
    assert "- Not run: no wheel of aiopg | none at all.\n" in answer
    assert "what disturbed runs were disturbed by: [io_or_cpu](results/one/tables/io_or_cpu.md).\n" in answer
    assert answer.endswith("- Measured on A Processor, 3 cores, in campaign `2026-11-22T1430-local`.\n")


def test_only_the_pages_of_the_whole_question_have_its_answer(
    description: Description, make_record: Callable[..., Record]
) -> None:
    assert describe_question(description, [make_record()], description.experiments[0]) == ""
    asked = asking(description)
    told = describe_question(asked, [make_record()], asked.experiments[0])
    assert told.count("- **") == 5
    assert told.endswith("\n\n")


def test_the_whole_question_goes_before_its_part(description: Description) -> None:
    both = (*description.experiments, ShownExperiment("io_or_cpu", "IO?"))
    chosen = find_question(replace(description, experiments=both))
    assert chosen is not None
    assert chosen.name == "io_or_cpu"


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
