"""copy a campaign from results/local to results/published, and list it in results/README.md"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiments.errors import BadInput
from experiments.files import sync_folder
from experiments.formatting import count
from experiments.records.campaign import LOCAL, PUBLISHED, find_campaign, load_campaign
from experiments.records.folder import CampaignFolder, locked
from experiments.report.page.html import REPORT
from experiments.report.publish import write_front_page

# No table, chart or command reads the samples: the records have their sums. Published campaigns share one page.
_LEFT_OUT = ("samples.jsonl", REPORT, ".*")

# Here what an interrupted copy leaves behind is no campaign of the folder.
_SCRATCH = ".new"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("campaign", metavar="CAMPAIGN", help=f"its name in {LOCAL}, or its folder")


def run(options: Namespace) -> int:
    """Publish the campaign. Raises BadInput if it is unknown, unfinished or published already."""
    with locked(PUBLISHED):
        folder = find_campaign(LOCAL, options.campaign)
        check_publishable(folder)
        copied = copy_campaign(folder, PUBLISHED)
        write_front_page(PUBLISHED)
    print(f"copied {folder.path} to {copied}\nwrote {PUBLISHED.parent / 'README.md'}")
    return 0


def check_publishable(folder: CampaignFolder) -> None:
    """Raise BadInput if the campaign is published already, or has runs left."""
    name = folder.path.name
    if (PUBLISHED / name).exists():
        raise BadInput(f"{name}: already in {PUBLISHED}; to rewrite its tables: nox -s tables -- {name}")
    campaign = load_campaign(folder)
    if campaign.missing or campaign.description.may_grow:
        left = count(campaign.missing, "run") if campaign.missing else "more blocks"
        raise BadInput(f"{name}: unfinished, {left} left; rerun the command that began it, then publish")


def copy_campaign(folder: CampaignFolder, published: Path) -> Path:
    """Copy the folder so that it is there whole or not at all; return the copy."""
    scratch = published / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        shutil.copytree(folder.path, scratch / folder.path.name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        copied = (scratch / folder.path.name).rename(published / folder.path.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sync_folder(published)
    return copied
