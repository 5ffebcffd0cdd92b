"""Everything that is published of a campaign, written from its description and records alone."""

from __future__ import annotations

from pathlib import Path

from experiments.files import write_whole
from experiments.readme import Older, write_readme
from experiments.resume import runs_left
from experiments.store import CampaignFolder, list_campaigns
from experiments.tables import csv_table, markdown_table


def write_tables(folder: CampaignFolder) -> None:
    """Write ``tables/*.md`` and ``tables/*.csv`` of one campaign anew."""
    description, records = folder.description(), folder.records()
    tables = folder.path / "tables"
    tables.mkdir(exist_ok=True)
    for experiment in description.experiments:
        text = f"# {experiment.name}\n\n{markdown_table(description, records, experiment)}"
        write_whole(tables / f"{experiment.name}.md", text)
        write_whole(tables / f"{experiment.name}.csv", csv_table(description, records, experiment))


def write_front_page(results: Path) -> None:
    """Write ``README.md`` of the results folder: the newest campaign, and a list of the others."""
    newest, *older = list_campaigns(results)
    text = write_readme(newest.description(), newest.records(), [_older(folder) for folder in older])
    write_whole(results / "README.md", text)


def _older(folder: CampaignFolder) -> Older:
    description = folder.description()
    return Older(description, runs_left(folder, description))
