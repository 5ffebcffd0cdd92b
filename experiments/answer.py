"""The answer section of the project's README: chart and table of one experiment, between two markers."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.chart_list import chart_images
from experiments.description import Description
from experiments.errors import BadInput
from experiments.records import Record
from experiments.tables import markdown_table

START = "<!-- answer:start -->"
END = "<!-- answer:end -->"

# The experiment of the shipped matrix that asks the project's question.
QUESTION = "loaders"


def write_answer(description: Description, records: Sequence[Record], place: str, charts: str) -> str:
    """The section; ``charts`` is the folder of the campaign's charts, as the page reaches it.

    Raises BadInput where the campaign, which ``place`` names, does not have the experiment.
    """
    experiments = {experiment.name: experiment for experiment in description.experiments}
    if QUESTION not in experiments:
        raise BadInput(f"{place}: has no experiment {QUESTION!r}, which the answer is made of; choose another campaign")
    images = chart_images(description, experiments[QUESTION], charts)
    machine = description.environment.get("cpu") or "a CPU that does not tell its name"
    cores = len(description.environment.get("cores_allowed") or [])
    measured = f"Measured on {machine}, {cores} cores, in campaign `{description.campaign}`."
    return markdown_table(description, records, experiments[QUESTION], charts=images, remarks=[measured])


def replace_answer(text: str, answer: str, place: str) -> str:
    """The text with the answer between its markers. Raises BadInput where it does not have each of them once."""
    for marker in (START, END):
        if text.count(marker) != 1:
            raise BadInput(f"{place}: found {marker} {text.count(marker)} times, expected it once; put it back")
    before, _, rest = text.partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise BadInput(f"{place}: {END} stands before {START}; expected it after")
    return f"{before}{START}\n{answer}{END}{after}"
