"""check a campaign, copy it to results/published and write the text of its pull request; or check all with --check"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiments.analysis.summary import CampaignSummary
from experiments.errors import BadInput
from experiments.files import sync_folder
from experiments.formatting import count
from experiments.records.campaign import LOCAL, PUBLISHED, find_campaign
from experiments.records.folder import CampaignFolder, locked
from experiments.records.packed import pack_records
from experiments.records.redaction import list_own_names
from experiments.report.publish import GENERATED, write_front_page, write_parts
from experiments.report.publishing.admission import (
    NOT_COPIED,
    find_disturbed_fault,
    find_file_faults,
    find_licence_fault,
    summarize_whole,
)
from experiments.report.publishing.check_published import check_published
from experiments.report.publishing.pull_request import write_pull_request

# Here what an interrupted copy leaves behind is no campaign of the folder.
_SCRATCH = ".new"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("campaign", metavar="CAMPAIGN", nargs="?", help=f"its name in {LOCAL}, or its folder")
    option("--check", action="store_true", help=f"change nothing: check every campaign of {PUBLISHED} and their pages")


def run(options: Namespace) -> int:
    """Publish the campaign, or check those that are. Raises BadInput for a campaign that breaks a rule."""
    if options.check == bool(options.campaign):
        raise BadInput("publish: expected either CAMPAIGN or --check; name one campaign, or check all with --check")
    return check() if options.check else publish(options.campaign)


def check() -> int:
    """Print what is wrong with published campaigns. Raises BadInput if anything is."""
    found = check_published(PUBLISHED)
    for warning in found.warnings:
        print(f"warning: {warning} (allowed, as it is older than the rule)", file=sys.stderr)
    if found.faults:
        raise BadInput("\n".join([f"{count(len(found.faults), 'fault')} in {PUBLISHED}", *found.faults]))
    print(f"{count(len(found.campaigns), 'campaign')} of {PUBLISHED} checked: all rules are kept, all pages current")
    return 0


def publish(campaign: str) -> int:
    """Check and copy a campaign, and print the text of its pull request."""
    with locked(PUBLISHED):
        folder = find_campaign(LOCAL, campaign)
        whole = check_publishable(folder)
        copied = copy_campaign(folder, PUBLISHED)
        write_parts(CampaignFolder(copied), whole)
        write_front_page(PUBLISHED)
    print(f"copied {folder.path} to {copied}\nwrote {PUBLISHED.parent / 'README.md'}")
    print(f"\nTitle and text of the pull request:\n\n{write_pull_request(whole)}", end="")
    return 0


def check_publishable(folder: CampaignFolder) -> CampaignSummary:
    """Return the summary of a campaign. Raises BadInput if it is published already, or breaks a rule."""
    name = folder.path.name
    if (PUBLISHED / name).exists():
        raise BadInput(f"{name}: already in {PUBLISHED}; to rewrite its tables: nox -s tables -- {name}")
    whole = summarize_whole(folder)
    of_all = (find_disturbed_fault(whole), find_licence_fault(PUBLISHED.parent))
    faults = [*find_file_faults(folder.path, list_own_names()), *(fault for fault in of_all if fault)]
    if faults:
        raise BadInput("\n".join([f"{name}: breaks {count(len(faults), 'rule')} of docs/publish.md", *faults]))
    return whole


def copy_campaign(folder: CampaignFolder, published: Path) -> Path:
    """Copy the folder so that it is there whole or not at all; return the copy."""
    scratch = published / _SCRATCH
    # What is made from the records is written anew, by the program that checks it.
    ignored = shutil.ignore_patterns(*NOT_COPIED, *GENERATED)
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        shutil.copytree(folder.path, scratch / folder.path.name, ignore=ignored)
        pack_records(scratch / folder.path.name / "runs.jsonl")
        copied = (scratch / folder.path.name).rename(published / folder.path.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sync_folder(published)
    return copied
