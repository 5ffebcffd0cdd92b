"""The answer on the page of the question, and in the section of the project's README."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.stats import format_floor
from experiments.analysis.summary import CampaignSummary, ExperimentSummary
from experiments.errors import BadInput
from experiments.report.answer.facts import OF_2014, find_facts, find_question
from experiments.report.answer.sentences import SENTENCES, write_sentences
from experiments.report.charts.catalog import CHARTS, chart_image, chart_name, list_charts
from experiments.report.settings import NOTE, settings_table

LOADERS = (
    "*threads* are those of psycopg2 or psycopg 3; *asyncio* and *uvloop* are event loops of aiopg or psycopg 3. Each "
    "inserts the same rows, one per statement."
)


def describe_question(summary: ExperimentSummary, whole: CampaignSummary) -> str:
    """Return sentences and table of settings for an experiment's page; '' if it is not the campaign's question."""
    if summary.experiment != find_question(whole.campaign.description):
        return ""
    facts = find_facts(whole)
    listed = "".join(f"- {sentence}\n" for sentence in write_sentences(facts))
    settings = [one for one in facts if (one.experiment, one.driver) == (summary.experiment.name, OF_2014)]
    return f"{LOADERS}\n\n{listed}\n{settings_table(settings)}\n\n- {NOTE}\n\n" if listed and settings else ""


def write_answer(campaigns: Sequence[tuple[CampaignSummary, str]]) -> str:
    """Return the README's section from campaigns with the links to their folders.

    Each sentence is from the first campaign that has its cells. The chart above them is the first hero, else that of
    the first sentence. Raises BadInput without any.
    """
    facts = [(find_facts(whole), whole, folder) for whole, folder in campaigns]
    lines, floors, charts = list[str](), dict[str, None](), list[tuple[bool, str]]()
    for say in SENTENCES:
        found = ((say(one), whole, folder) for one, whole, folder in facts)
        said, whole, folder = next((one for one in found if one[0] is not None), (None, None, ""))
        if said is None or whole is None:
            continue
        (summary,) = (one for one in whole.experiments if one.experiment.name == said.experiment)
        page = f"[{said.experiment}]({folder}/tables/{said.experiment}.md)"
        lines.append(f"- {said.text} ({page})")
        floors.setdefault(f"{page} {format_floor(summary.floor)}")
        hero = chart_name(summary.experiment, "hero")
        shown = (chart for chart in list_charts(summary, whole.campaign) if chart.page != "own")
        charts += [(one.name != hero, chart_image(one, f"{folder}/{CHARTS}")) for one in shown]
    if not lines:
        names = ", ".join(whole.campaign.name for whole, _ in campaigns)
        raise BadInput(f"{names}: no cells of threads and asyncio in one setting; choose another campaign")
    chart = [line for _, image in sorted(charts, key=lambda one: one[0])[:1] for line in (image, "")]
    return "\n".join([*chart, LOADERS, "", *lines, "", f"Noise floors: {', '.join(floors)}.", ""])
