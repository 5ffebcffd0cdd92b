"""The answer on the page of the question, and the section of the README."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from experiments.analysis.summary import summarize_campaign
from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import ShownExperiment
from experiments.report.answer.section import LOADERS, describe_question, write_answer
from experiments.report.settings import NOTE

Asked = Callable[[Mapping[tuple[str, Cell], float]], Campaign]


def test_the_readme_has_each_sentence_with_the_page_of_its_numbers_and_one_picture(campaign: Campaign) -> None:
    answer = write_answer([(summarize_campaign(campaign), "results/one")])
    assert answer.startswith("![Chart of drivers: drivers? The ratio of rows per second")
    assert f"\n\n{LOADERS}\n\n- Same driver, same SQL (psycopg 3): asyncio reaches 1.00x" in answer
    places = re.findall(r"\]\((.*?)\)", answer)
    assert places[1:4] == [f"results/one/tables/{name}.md" for name in ("drivers", "io_or_cpu", "drivers")]
    assert [place for place in places if "/charts/" in place] == ["results/one/charts/drivers.svg"]
    assert answer.endswith(
        "\n\nNoise floors: [drivers](results/one/tables/drivers.md) 0.0%, "
        "[io_or_cpu](results/one/tables/io_or_cpu.md) 0.0%, [neighbours](results/one/tables/neighbours.md) 0.0%.\n"
    )


def test_a_sentence_is_from_the_first_campaign_that_has_its_cells(
    campaign: Campaign, asked: Asked, threaded: Cell, uvloop_cell: Cell
) -> None:
    small = asked({("loaders", threaded): 9_000.0, ("loaders", uvloop_cell): 4_500.0})
    answer = write_answer([(summarize_campaign(small), "small"), (summarize_campaign(campaign), "large")])
    lines = [line for line in answer.splitlines() if line.startswith("- ")]
    assert [line.partition("](")[2].partition("/")[0] for line in lines] == [
        "large",  # Only that has the twins.
        "small",
        "small",
        "small",
        "large",
        "small",
        "large",
        "large",
    ]


def test_campaigns_without_such_cells_have_no_answer(campaign: Campaign) -> None:
    without = replace(campaign, records=[], description=replace(campaign.description, campaign="one"))
    with pytest.raises(BadInput, match=r"^one: no cells of threads and asyncio in one setting"):
        write_answer([(summarize_campaign(without), "results/one")])


def test_only_the_page_of_the_question_has_its_answer(campaign: Campaign) -> None:
    whole = summarize_campaign(campaign)
    summary = whole.experiments[0]
    told = describe_question(summary, whole)
    assert told.startswith(f"{LOADERS}\n\n- ")
    assert "rows/s of threads |" in told
    assert told.endswith(f"\n\n- {NOTE}\n\n")
    assert describe_question(replace(summary, experiment=ShownExperiment("drivers", "Which?")), whole) == ""
    nothing = summarize_campaign(replace(campaign, records=[]))
    assert describe_question(nothing.experiments[0], nothing) == ""
