"""Everything that is published of a campaign, written from its description and records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.chart_list import CHARTS, chart_images, chart_names
from experiments.charts import charts_of
from experiments.description import Description
from experiments.files import write_whole
from experiments.readme import Older, write_readme
from experiments.records import Record
from experiments.resume import runs_left
from experiments.store import CampaignFolder, list_campaigns
from experiments.tables import csv_table, markdown_table


def write_tables(folder: CampaignFolder) -> None:
    """Write ``tables/*.md``, ``tables/*.csv`` and ``charts/*.svg`` of one campaign anew."""
    description, records = folder.description(), folder.records()
    tables = folder.path / "tables"
    tables.mkdir(exist_ok=True)
    for experiment in description.experiments:
        charts = chart_images(description, experiment, f"../{CHARTS}")
        text = f"# {experiment.name}\n\n{markdown_table(description, records, experiment, charts=charts)}"
        write_whole(tables / f"{experiment.name}.md", text)
        write_whole(tables / f"{experiment.name}.csv", csv_table(description, records, experiment))
    write_charts(folder.path / CHARTS, description, records)


def write_charts(folder: Path, description: Description, records: Sequence[Record]) -> None:
    """Write the charts of every experiment, and remove those that the campaign has no more."""
    charts: dict[str, bytes] = {}
    for experiment in description.experiments:
        charts |= charts_of(description, records, experiment)
    folder.mkdir(exist_ok=True)
    for name, svg in charts.items():
        write_whole(folder / name, svg.decode())
    for stale in folder.glob("*.svg"):
        if stale.name not in charts:
            stale.unlink()


def write_front_page(results: Path) -> None:
    """Write ``README.md`` of the results folder: the newest campaign, and a list of the others."""
    newest, *older = list_campaigns(results)
    description, records = newest.description(), newest.records()
    names = [name for experiment in description.experiments for name, _ in chart_names(description, experiment)]
    if not all((newest.path / CHARTS / name).is_file() for name in names):
        # The page shows them, and the campaign has not ended or is of before there were charts.
        write_charts(newest.path / CHARTS, description, records)
    text = write_readme(description, records, [_older(folder) for folder in older])
    write_whole(results / "README.md", text)


def _older(folder: CampaignFolder) -> Older:
    description = folder.description()
    return Older(description, runs_left(folder, description))
