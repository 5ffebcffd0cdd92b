from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.cli import tables
from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.folder import create
from experiments.records.record import Record
from experiments.report.answer.section import (
    BOUNDARIES,
    END,
    MARK,
    START,
    TERMS,
    WHO,
    describe_question,
    find_question,
    replace_answer,
    write_answer,
)

CORES = (
    "PostgreSQL had 2 cores, Python one core, on one machine, connected by its loopback interface; each run inserts "
    "22,200 rows. "
)


def test_a_campaign_of_a_part_of_the_question_answers_that(
    description: Description, make_record: Callable[..., Record]
) -> None:
    answer = write_answer(description, [make_record()], "here", "results/one")
    assert answer.startswith(
        f"Is asyncio faster than threads?\n\n{WHO} {CORES}{MARK}\n\n- **IO bound or CPU bound?** With"
    )
    assert "were disturbed by: [loaders](results/one/tables/loaders.md).\n" in answer


def test_without_curves_of_its_own_the_answer_has_those_of_the_pools(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    assert "](results/one/charts/" not in write_answer(description, [make_record()], "here", "results/one")
    pools = [ShownCell(f"pool {size}", "a", ("pool_sizes",), replace(threaded, poolsize=size)) for size in (1, 5, 20)]
    experiments = {**description.matrix["experiments"], "pool_sizes": {"matrix": {"poolsize": [1, 5, 20]}}}
    several = replace(
        description,
        experiments=(*description.experiments, ShownExperiment("pool_sizes", "Which?")),
        cells=(*description.cells, *pools),
        matrix={**description.matrix, "experiments": experiments},
    )
    answer = write_answer(several, [make_record()], "here", "results/one")
    assert answer.count("](results/one/charts/") == 1
    assert "](results/one/charts/pool_sizes-poolsize.svg)" in answer


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
    assert answer.startswith(f"IO?\n\n{WHO} {CORES}{MARK}\n\n- **IO bound or CPU bound?** With 20 ")
    assert answer.count("\n- **") == 5
    assert "](results/one/charts/" not in answer
    assert "rows/s of threads |" in answer
    assert "- PostgreSQL: default: 17.11 on disk, synchronous_commit=off.\n" in answer
    assert "- Cores: split: loader on core 0, server on cores 1-2.\n" in answer
    assert "- Runs: 2 ok of 18 planned, in 6 blocks, 22,200 rows each; 0 were disturbed.\n" in answer
    assert f" {TERMS}\n" in answer
    assert f"- {BOUNDARIES}\n" in answer
    assert "- Not run: no wheel of aiopg | none at all.\n" in answer
    assert "what disturbed runs were disturbed by: [io_or_cpu](results/one/tables/io_or_cpu.md).\n" in answer
    assert answer.endswith("- Campaign on A Processor, 3 cores, in campaign `2026-11-22T1430-local`.\n")


def test_only_the_pages_of_the_question_have_its_answer(
    description: Description, make_record: Callable[..., Record]
) -> None:
    assert describe_question(description, [make_record()], ShownExperiment("drivers", "Which?")) == ""
    assert describe_question(description, [make_record()], description.experiments[0]).count("- **") == 5
    assert describe_question(description, [], description.experiments[0]) == ""
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
    assert "rows/s of threads |" in readme.read_text()
    assert "](results/2026-11-22T1430-local/tables/loaders.md)" in readme.read_text()


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path, description: Description) -> None:
    folder = create(tmp_path / "results", description)
    with pytest.raises(BadInput, match="No such file"):
        tables.answer_in(tmp_path / "nowhere.md", folder)


def test_the_projects_readme_has_the_markers() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert START in replace_answer(text, "", "README.md")
