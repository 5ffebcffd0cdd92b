"""write the tables and charts of a campaign anew, from its records alone"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from experiments.analysis.summary import CampaignSummary
from experiments.cli.options import add_results
from experiments.errors import BadInput
from experiments.files import write_whole
from experiments.records.campaign import PUBLISHED, find_campaign, list_known
from experiments.records.folder import CampaignFolder, leaving_out_unreadable, list_campaigns, locked
from experiments.report.answer.section import write_answer
from experiments.report.charts.catalog import CHARTS
from experiments.report.pages import make_inert
from experiments.report.publish import choose_front, write_front_page, write_tables

START, END = "<!-- answer:start -->", "<!-- answer:end -->"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("campaigns", metavar="CAMPAIGN", nargs="*", help="a name or a folder (default: the newest)")
    add_results(parser)
    option(
        "--readme", metavar="FILE", type=Path, help="put the answer between the markers of FILE, from several campaigns"
    )


def run(options: Namespace) -> int:
    """Write each campaign's tables and charts, and the page of its results folder."""
    folders = [choose_campaign(options.results, name) for name in options.campaigns or [None]]
    written = [(rewrite(folder, options.results), folder) for folder in folders]
    if options.readme is not None:
        answer_in(options.readme, written)
        print(f"wrote the answer in {options.readme}")
    return 0


def rewrite(folder: CampaignFolder, results: Path) -> CampaignSummary:
    """Write all files of a campaign again; return what they are made from."""
    with locked(folder.path.parent):
        for campaign in list_campaigns(folder.path.parent):
            with leaving_out_unreadable():
                campaign.repair()
        written = write_tables(folder)
        print(f"wrote {folder.path / 'tables'} and {folder.path / CHARTS}")
        # A campaign somewhere else has no results folder of its own.
        if folder.path.parent.resolve() in (results.resolve(), PUBLISHED.resolve()):
            print(f"wrote {write_front_page(folder.path.parent, written)}")
        folder.set_reported(True)
    return written


def answer_in(readme: Path, written: Sequence[tuple[CampaignSummary, CampaignFolder]]) -> None:
    """Replace the text between the markers of the file by the answer of the campaigns."""
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--readme: {readme}: {error.strerror}; expected a text file with the markers") from error
    # Both may be given from anywhere; a page's links are from where it is.
    links = [(whole, Path(os.path.relpath(folder.path, readme.parent)).as_posix()) for whole, folder in written]
    answer = make_inert(write_answer(links))
    write_whole(readme, replace_answer(text, answer, str(readme)))


def replace_answer(text: str, answer: str, place: str) -> str:
    """Return the text with the answer between its markers. Raises BadInput unless it has each of them once."""
    for marker in (START, END):
        if text.count(marker) != 1:
            raise BadInput(f"{place}: found {marker} {text.count(marker)} times, expected it once; put it back")
    before, _, rest = text.partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise BadInput(f"{place}: {END} stands before {START}; expected it after")
    return f"{before}{START}\n{answer}{END}{after}"


def choose_campaign(results: Path, name: str | None) -> CampaignFolder:
    """Return the campaign that is named, else the newest that is no reproduction. Raises BadInput if there is none."""
    if name is not None:
        return find_campaign(results, name)
    folders = list_campaigns(results) or list_known(results)
    if not folders:
        raise BadInput(f"{results}: holds no campaign; run one with: nox -s matrix")
    return folders[choose_front([folder.description() for folder in folders])]
