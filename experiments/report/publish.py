"""Everything that is published of a campaign, written from its description and records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.analysis.comparison import compare_campaigns, find_differences
from experiments.analysis.queueing.model import model_campaign, model_cells
from experiments.files import write_whole
from experiments.records.campaign import load_campaign, runs_left
from experiments.records.description import Description, ShownExperiment
from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.published import read_published
from experiments.records.record import Record
from experiments.report.answer.section import describe_question
from experiments.report.bottlenecks import why_section
from experiments.report.charts.catalog import CHARTS, chart_images, chart_names
from experiments.report.comparison import Style
from experiments.report.front_page import Other, write_readme
from experiments.report.queueing import model_image, model_name, model_page
from experiments.report.reproduction import PAGE, write_reproduction
from experiments.report.tables import csv_table, markdown_table


def write_tables(folder: CampaignFolder) -> None:
    """Write one campaign's ``tables/*.md|csv``, ``charts/*.svg``, model and verdicts of a reproduction anew."""
    description, records = folder.description(), folder.records()
    tables = folder.path / "tables"
    tables.mkdir(exist_ok=True)
    for experiment in description.experiments:
        answer = describe_question(description, records, experiment)
        charts = chart_images(description, experiment, f"../{CHARTS}")
        table = markdown_table(description, records, experiment, charts=f"{answer}{charts}")
        why = why_section(description, records, experiment)
        text = "\n".join([f"# {experiment.name}\n", table, *([why] if why else [])])
        write_whole(tables / f"{experiment.name}.md", text)
        write_whole(tables / f"{experiment.name}.csv", csv_table(description, records, experiment))
    write_model_page(tables, description, records)
    write_charts(folder.path / CHARTS, description, records)
    write_verdicts(folder)


def write_model_page(tables: Path, description: Description, records: Sequence[Record]) -> None:
    """Write the page of the campaign's model, of bounds alone where it has no cells to fit one on; else nothing."""
    model = model_cells(description, records)
    if model.cells:
        name = model_name(description)
        tables.mkdir(exist_ok=True)
        write_whole(tables / f"{name}.md", model_page(description, model, model_image(f"../{CHARTS}/{name}.svg")))


def write_verdicts(folder: CampaignFolder) -> None:
    """Write ``reproduced.md`` of a campaign that ran the cells of another one again; nothing of any other."""
    page = verdicts_of(folder)
    if page is not None:
        write_whole(folder.path / PAGE, page)


def verdicts_of(folder: CampaignFolder, style: Style = "pipe") -> str | None:
    """Which published numbers came out again, as a page; None of a campaign that reproduces none."""
    published = read_published(folder)
    if published is None:
        return None
    here = load_campaign(folder)
    comparison = compare_campaigns(published, here)
    return write_reproduction(published, here, find_differences(published, here), comparison, style)


def write_charts(folder: Path, description: Description, records: Sequence[Record]) -> None:
    """Write the charts of every experiment, and remove those that the campaign has no more."""
    charts: dict[str, bytes] = {}
    for experiment in description.experiments:
        charts |= charts_of(description, records, experiment)
    charts |= model_chart_of(description, records)
    folder.mkdir(exist_ok=True)
    for name, svg in charts.items():
        write_whole(folder / name, svg.decode())
    for stale in folder.glob("*.svg"):
        if stale.name not in charts:
            stale.unlink()


def choose_front(folders: Sequence[CampaignFolder]) -> CampaignFolder:
    """What the front page shows, of campaigns that stand newest first: the newest one that is no reproduction.

    A reproduction may be of a single cell, and what it has to tell is on a page of its own. Where all are
    reproductions it is the newest.
    """
    own = (folder for folder in folders if folder.description().reproduces is None)
    return next(own, folders[0])


def model_chart_of(description: Description, records: Sequence[Record]) -> dict[str, bytes]:
    """The SVG of the model by its file name; nothing where the campaign has no cells to fit one on."""
    model = model_campaign(description, records)
    if model is None:
        return {}
    # Here, as it loads the charting library.
    from experiments.report.charts.queueing import draw_model

    return {f"{model_name(description)}.svg": draw_model(description, model)}


def write_front_page(results: Path) -> None:
    """Write ``README.md`` of the results folder: the newest campaign, and lists of the others."""
    folders = list_campaigns(results)
    front = choose_front(folders)
    description, records = front.description(), front.records()
    names = [name for experiment in description.experiments for name, _ in chart_names(description, experiment)]
    # The page shows what a campaign does not have that has not ended, or is of before there were charts.
    if not all((front.path / CHARTS / name).is_file() for name in names):
        write_charts(front.path / CHARTS, description, records)
    if not (front.path / PAGE).is_file():
        write_verdicts(front)
    # The page links to it, likewise.
    if not (front.path / "tables" / f"{model_name(description)}.md").is_file():
        write_model_page(front.path / "tables", description, records)
    text = write_readme(description, records, [_other(folder) for folder in folders if folder is not front])
    write_whole(results / "README.md", text)


def _other(folder: CampaignFolder) -> Other:
    description = folder.description()
    return Other(description, runs_left(folder, description))


def charts_of(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> dict[str, bytes]:
    """The SVG of each chart by its file name, as ``chart_names`` lists them; the same records make the same bytes."""
    # Here, as it loads the charting library: who only names charts does not wait for that.
    from experiments.report.charts.figures import draw_charts

    return draw_charts(description, records, experiment, dict(chart_names(description, experiment)))
