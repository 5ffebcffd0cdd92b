"""Check of all published campaigns, to which anybody may have added theirs: rules, size, and files that are current."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.analysis.summary import CampaignSummary
from experiments.errors import BadInput, shorten
from experiments.records.folder import CampaignFolder
from experiments.report.front_page import README
from experiments.report.page.html import INDEX
from experiments.report.publish import CELLS, GENERATED, write_gallery, write_parts
from experiments.report.publishing.admission import (
    DISTURBED_RULE_SINCE,
    find_disturbed_fault,
    find_file_faults,
    find_licence_fault,
    list_files,
    summarize_whole,
)

MAX_BYTES = 6_000_000
PARQUET = "cells.parquet"
"""Made of ``CELLS`` by a script, which also checks it: no other file needs its library."""


@dataclass
class Findings:
    """What is wrong with published campaigns, and what is allowed of older ones alone."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    campaigns: list[CampaignSummary] = field(default_factory=list)


def check_published(published: Path) -> Findings:
    """Check every campaign of the folder; what is generated, only where nothing else is wrong."""
    found, page = Findings(), published.parent / README
    found.faults += [fault for fault in (find_licence_fault(published.parent), _find_size_fault(published)) if fault]
    if found.faults:
        return found
    for path in sorted(path for path in published.iterdir() if not path.name.startswith(".")):
        if path.is_dir() and not path.is_symlink():
            _check_campaign(CampaignFolder(path), found)
        elif path.name not in (INDEX, CELLS, PARQUET) or path.is_symlink():
            found.faults.append(f"{shorten(path.name)}: is neither a campaign nor a page of all; remove it")
    if not found.faults:
        # Newest first, as in the folder's pages.
        found.campaigns.sort(key=lambda one: (one.campaign.description.created_at, one.campaign.name), reverse=True)
        found.faults += _find_stale(published, page, found.campaigns)
    return found


def _find_size_fault(published: Path) -> str | None:
    files = [*published.parent.iterdir(), *published.rglob("*")]
    size = sum(file.stat().st_size for file in files if file.is_file())
    if size < MAX_BYTES:
        return None
    return (
        f"{published.parent}: {size:,} bytes; less than {MAX_BYTES:,} are allowed; remove a campaign or its explained/"
    )


def _check_campaign(folder: CampaignFolder, found: Findings) -> None:
    """Add what is wrong with one campaign, or its summary."""
    name = shorten(folder.path.name)
    if faults := [f"{name}: {fault}" for fault in find_file_faults(folder.path)]:
        found.faults += faults
        return
    try:
        whole = summarize_whole(folder)
    except BadInput as error:
        found.faults.append(str(error))
        return
    found.campaigns.append(whole)
    if fault := find_disturbed_fault(whole):
        is_older = whole.campaign.description.created_at < DISTURBED_RULE_SINCE
        (found.warnings if is_older else found.faults).append(f"{name}: {fault}")


def _find_stale(published: Path, page: Path, campaigns: Sequence[CampaignSummary]) -> Iterator[str]:
    """Find tables, charts and pages that are not byte for byte those that the records make now."""
    with tempfile.TemporaryDirectory() as scratch:
        made, made_page = Path(scratch, published.name), Path(scratch, README)
        shutil.copytree(published, made, ignore=shutil.ignore_patterns(".*", *GENERATED))
        for whole in campaigns:
            write_parts(CampaignFolder(made / whole.campaign.name), whole)
        write_gallery(made_page, made, campaigns)
        for path in sorted({*list_files(published), *list_files(made)}):
            if _read(published / path) != _read(made / path):
                campaign = path.parts[0] if len(path.parts) > 1 else campaigns[0].campaign.name
                yield f"{path.as_posix()}: is not what the records make; write it: nox -s tables -- {campaign}"
        if _read(page) != _read(made_page):
            yield f"{page}: is not what the records make; write it: nox -s tables -- {campaigns[0].campaign.name}"


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
