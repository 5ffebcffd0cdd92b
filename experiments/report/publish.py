"""Files that are published of a campaign, written from its description and records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.analysis.comparison import compare_campaigns, find_differences
from experiments.analysis.summary import CampaignSummary, ExperimentSummary, summarize_campaign
from experiments.errors import BadInput
from experiments.files import write_whole
from experiments.records.campaign import PUBLISHED, Campaign, load_campaign, load_readable, read_published
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, leaving_out_unreadable, list_campaigns
from experiments.report.answer.section import describe_question
from experiments.report.bottlenecks import why_section
from experiments.report.charts.catalog import CHARTS, chart_images, list_charts
from experiments.report.front_page import README, campaign_page, write_index, write_readme
from experiments.report.labels import Style
from experiments.report.page.html import INDEX, REPORT, campaign_html, index_html
from experiments.report.pages import write_page
from experiments.report.queueing import model_image, model_name, model_page
from experiments.report.reproduction import PAGE, write_reproduction
from experiments.report.tables import cells_table, csv_table, markdown_table

CELLS = "cells.csv"
"""The rows of all published campaigns, in their folder."""
TABLES = "tables"
"""The folder of a campaign's pages and CSV inside that of the campaign."""
GENERATED = (TABLES, CHARTS)
"""The folders that ``write_parts`` fills."""


def write_tables(folder: CampaignFolder, campaign: Campaign | None = None) -> CampaignSummary:
    """Write pages, tables, charts, model and reproduction of one campaign; return what they are made from.

    Published campaigns share one page to explore, so that the charting library is there once.
    ``campaign`` is what the folder holds, where that was read already.
    """
    whole = summarize_campaign(campaign or load_campaign(folder))
    write_parts(folder, whole)
    if not is_published(folder.path.parent):
        write_whole(folder.path / REPORT, campaign_html(whole))
    return whole


def write_parts(folder: CampaignFolder, whole: CampaignSummary) -> None:
    """Write all that the folder of a published campaign has besides its records."""
    tables = folder.subfolder(TABLES)
    for summary in whole.experiments:
        name = summary.experiment.name
        write_page(tables / f"{name}.md", experiment_page(summary, whole))
        write_whole(tables / f"{name}.csv", csv_table(summary, whole.model))
    if whole.model.cells or whole.responses:
        described = whole.campaign.description
        image = model_image(f"../{CHARTS}/{model_name(described)}.svg")
        text = model_page(described, whole.model, image, whole.responses)
        write_page(tables / f"{model_name(described)}.md", text)
    write_charts(folder.subfolder(CHARTS), whole)
    if page := verdicts_of(folder, whole.campaign):
        write_page(folder.path / PAGE, page)
    write_page(folder.path / README, campaign_page(whole))


def is_published(results: Path) -> bool:
    """Return whether this is the folder of published campaigns."""
    return results.resolve() == PUBLISHED.resolve()


def experiment_page(summary: ExperimentSummary, whole: CampaignSummary) -> str:
    """Write the page of one experiment of a campaign."""
    campaign = whole.campaign
    charts = describe_question(summary, whole) + chart_images(summary, campaign, f"../{CHARTS}")
    table, why = markdown_table(summary, campaign, charts=charts), why_section(summary, campaign)
    return "\n".join([f"# {summary.experiment.name}\n", table, *([why] if why else [])])


def verdicts_of(folder: CampaignFolder, here: Campaign, style: Style = "pipe") -> str | None:
    """Write the page of which published numbers came out again; None of a campaign that reproduces none."""
    published = read_published(folder)
    if published is None:
        return None
    comparison = compare_campaigns(published, here)
    return write_reproduction(published, here, find_differences(published, here), comparison, style)


def write_charts(folder: Path, whole: CampaignSummary) -> None:
    """Write the charts of every experiment, and remove those that the campaign has no more."""
    charts: dict[str, bytes] = {}
    for summary in whole.experiments:
        charts |= charts_of(summary, whole.campaign)
    charts |= model_chart_of(whole)
    for name, svg in charts.items():
        write_whole(folder / name, svg.decode())
    for stale in folder.glob("*.svg"):
        if stale.name not in charts:
            stale.unlink()


def charts_of(summary: ExperimentSummary, campaign: Campaign) -> dict[str, bytes]:
    """Draw each chart as SVG by its file name, as ``list_charts`` lists them; the same records make the same bytes."""
    # Here, as it loads the charting library: who only names charts does not wait for that.
    from experiments.report.charts.figures import draw_charts

    return draw_charts(summary, campaign, {chart.name: chart.alt for chart in list_charts(summary, campaign)})


def model_chart_of(whole: CampaignSummary) -> dict[str, bytes]:
    """Draw the model as SVG by its file name; nothing where the campaign has no cells to fit one on."""
    if not whole.model.bases:
        return {}
    # Here, as it loads the charting library.
    from experiments.report.charts.queueing import draw_model

    description = whole.campaign.description
    return {f"{model_name(description)}.svg": draw_model(description, whole.model)}


def choose_front(described: Sequence[Description]) -> int:
    """Return the place of the front page's campaign, of those newest first: the first no reproduction, if any."""
    return next((place for place, one in enumerate(described) if one.reproduces is None), 0)


def find_front_page(results: Path) -> Path:
    """Return the page of a results folder. Raises BadInput if there is another one in its place, as of a project."""
    page = (results.parent if is_published(results) else results) / README
    if page.exists() and not page.read_bytes().startswith(b"# Results\n"):
        raise BadInput(f"--results: {page} is no page of results; choose a folder without a README.md of its own")
    return page


def write_front_page(results: Path, written: CampaignSummary | None = None) -> Path:
    """Write the page of a results folder and return its path; that of published campaigns is beside their folder.

    ``written`` is the result of ``write_tables``, reused for the page.
    """
    page, folders = find_front_page(results), list_campaigns(results)
    if page.parent == results:
        write_page(page, _newest_page(folders, written))
    else:
        write_gallery(page, results, [summarize_campaign(campaign) for campaign in load_readable(folders)])
    return page


def write_gallery(page: Path, results: Path, campaigns: Sequence[CampaignSummary]) -> None:
    """Write what published campaigns share: the page that lists them, the one to explore, and the cells of all."""
    if campaigns:
        write_whole(results / INDEX, index_html(campaigns))
        write_whole(results / CELLS, cells_table(campaigns))
    write_page(page, write_index(campaigns, results.name))


def _newest_page(folders: Sequence[CampaignFolder], written: CampaignSummary | None) -> str:
    read: dict[CampaignFolder, Campaign] = {}
    for folder in folders:
        with leaving_out_unreadable():
            is_written = written is not None and written.campaign.name == folder.path.name
            read[folder] = written.campaign if written and is_written else load_campaign(folder)
    campaigns = [*read.values()]
    place = choose_front([campaign.description for campaign in campaigns])
    front = campaigns[place]
    if written is None or written.campaign is not front:
        # A campaign that has not ended has none of the files that the page shows.
        written = write_tables([*read][place], front)
    return write_readme(written, [campaign for campaign in campaigns if campaign is not front])
