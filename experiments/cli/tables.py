"""write the tables and charts of a campaign anew, from its records alone"""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiments.errors import BadInput, suggest
from experiments.files import write_whole
from experiments.records.folder import CampaignFolder, list_campaigns, locked
from experiments.report.answer.section import replace_answer, write_answer
from experiments.report.charts.catalog import CHARTS
from experiments.report.publish import choose_front, write_front_page, write_tables


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "campaign", metavar="CAMPAIGN", nargs="?", help="its name (default: what results/README.md shows)"
    )
    parser.add_argument(
        "--results", metavar="DIR", type=Path, default=Path("results"), help="where campaigns are (default: results)"
    )
    parser.add_argument(
        "--readme", metavar="FILE", type=Path, help="put the answer of this campaign between the markers of this file"
    )


def run(options: Namespace) -> int:
    """Write the campaign's tables and charts, and the front page of the results folder."""
    folder = choose_campaign(options.results, options.campaign)
    with locked(options.results):
        for campaign in list_campaigns(options.results):
            campaign.repair()
        write_tables(folder)
        write_front_page(options.results)
    shown = choose_front(list_campaigns(options.results)).path.name
    print(f"wrote {folder.path / 'tables'} and {folder.path / CHARTS}")
    print(f"wrote {options.results / 'README.md'} (which shows {shown})")
    if options.readme is not None:
        answer_in(options.readme, folder)
        print(f"wrote the answer in {options.readme}")
    return 0


def answer_in(readme: Path, folder: CampaignFolder) -> None:
    """Replace what stands between the markers of the file by the campaign's answer."""
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--readme: {readme}: {error.strerror}; expected a text file with the markers") from error
    # Both may be given from anywhere; a page's links are from where it is.
    reached = Path(os.path.relpath(folder.path, readme.parent)).as_posix()
    answer = write_answer(folder.description(), folder.records(), str(folder.path), reached)
    write_whole(readme, replace_answer(text, answer, str(readme)))


def choose_campaign(results: Path, name: str | None) -> CampaignFolder:
    """Return the campaign of this name, or the one on the front page. Raises BadInput where there is none."""
    folders = list_campaigns(results)
    if not folders:
        raise BadInput(f"{results}: holds no campaign; run one with: nox -s matrix")
    names = [folder.path.name for folder in folders]
    if name is not None and name not in names:
        raise BadInput(f"{results}: {name!r} is no campaign there {suggest(name, names)}")
    return choose_front(folders) if name is None else folders[names.index(name)]
