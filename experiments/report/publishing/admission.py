"""Rules that a campaign must keep to be published; anybody may have written its files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from xml.etree import ElementTree

from experiments.analysis.disturbed_runs import count_disturbed
from experiments.analysis.summary import CampaignSummary, summarize_campaign
from experiments.errors import BadInput, quote, shorten
from experiments.formatting import count
from experiments.records.campaign import load_campaign
from experiments.records.folder import CampaignFolder
from experiments.records.packed import open_records
from experiments.records.redaction import find_personal, without_paths
from experiments.report.page.html import REPORT
from experiments.report.pages import make_inert

MAX_DISTURBED_RUNS = 0.05
"""Share of a campaign's runs."""
DISTURBED_RULE_SINCE = "2026-11-29"
"""Campaigns begun before may have more; the page of results states the share of each."""

LICENCE = "Attribution 4.0 International"

NOT_COPIED = ("samples.jsonl", REPORT, ".*")
"""No table, chart or command reads the samples: the records have their sums. Published campaigns share one page."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# A run or block in progress has files of other names.
_FILES = re.compile(
    r"(?:published/)?(?:campaign\.json|runs\.jsonl)|runs\.jsonl\.xz|counts\.jsonl|README\.md|reproduced\.md|tables/[^/]+\.(?:md|csv)|"
    r"charts/[^/]+\.svg|compared/[^/]+\.md|explained/[^/]+\.md|explained/[^/]+/[^/]+\.(?:svg|json)"
)
# Of the pages of explained cells.
_OWN_LINK = "[speedscope.app](https://www.speedscope.app)"
_XHTML = "{http://www.w3.org/1999/xhtml}"
# Entities, which grow; style sheets and pictures of another site.
_ALIVE_TEXT = re.compile(r"<!ENTITY|<\?xml-stylesheet|@import|url\(\s*['\"]?(?!#)", re.IGNORECASE)
_ALIVE = ("script", "foreignObject", "iframe", "a", "image", "animate", "set")


def find_disturbed_fault(whole: CampaignSummary) -> str | None:
    """Return what is wrong with the share of disturbed runs, if anything."""
    found = count_disturbed(whole)
    if found.share <= MAX_DISTURBED_RUNS:
        return None
    return f"{found} disturbed; at most {MAX_DISTURBED_RUNS:.0%} may be; measure again on a quiet machine"


def find_licence_fault(results: Path) -> str | None:
    """Return what is wrong with the licence beside published campaigns, if anything."""
    file = results / "LICENSE"
    if file.is_file() and LICENCE in file.read_text(encoding="utf-8", errors="replace")[:1000]:
        return None
    return f"{file}: is not CC BY 4.0, under which campaigns are published; restore it: git checkout {file}"


def summarize_whole(folder: CampaignFolder) -> CampaignSummary:
    """Read a campaign. Raises BadInput if it cannot be read, has runs left, or has another name than its folder."""
    name = folder.path.name
    if not _NAME.fullmatch(name):
        raise BadInput(f"{quote(name)}: a campaign's name has letters, digits, '.', '_' and '-'; rename the folder")
    if not (folder.path / "campaign.json").is_file():
        raise BadInput(f"{name}: has no campaign.json, so it is no campaign; add that file, or remove the folder")
    campaign = load_campaign(folder)
    if campaign.name != name:
        raise BadInput(
            f"{name}: holds the campaign {quote(campaign.name)}; folder and campaign have one name; rename it"
        )
    if campaign.missing or campaign.description.may_grow:
        left = count(campaign.missing, "run") if campaign.missing else "more blocks"
        raise BadInput(f"{name}: unfinished, {left} left; rerun the command that began it, then publish")
    return summarize_campaign(campaign)


def list_files(folder: Path) -> list[Path]:
    """List what a published copy of the folder has, relative to it; links too, which are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name).relative_to(folder) for name in [*names, *links] if not name.startswith(".")]
    return sorted(path for path in found if path.as_posix() not in NOT_COPIED)


def find_file_faults(folder: Path, names: Collection[str] = ()) -> Iterator[str]:
    """Find files that no campaign has, and what is personal or alive in the others; ``names`` are personal, too."""
    for path in list_files(folder):
        place = shorten(path.as_posix())
        if (folder / path).is_symlink():
            yield f"{place}: is a link; only files are published; remove it"
        elif not _FILES.fullmatch(path.as_posix()):
            yield f"{place}: is no file of a finished campaign; docs/data.md lists those; remove it"
        else:
            yield from (f"{place}: {fault}" for fault in _find_text_faults(folder / path, names))


def _find_text_faults(file: Path, names: Collection[str]) -> Iterator[str]:
    try:
        with open_records(file) as content:
            text = content.read().decode()
        paths = file.suffix in (".json", ".jsonl", ".xz") and _has_paths(text)
    except BadInput as error:
        yield str(error).removeprefix(f"{file}: ")
        return
    except ValueError:
        yield "is not text in UTF-8, or not JSON; restore it from the machine that wrote it"
        return
    personal = [*find_personal(text, names), *(["absolute path"] if paths else [])]
    if personal:
        yield f"has {', '.join(personal)}; nothing personal is published; replace it in this file"
    if file.suffix == ".md" and make_inert(page := text.replace(_OWN_LINK, "")) != page:
        yield "has HTML or a link to another site; pages link to files beside them; remove it"
    if file.suffix == ".svg" and _is_alive(text):
        yield "is not SVG without scripts and links, as the program draws it; write it again, or remove it"


def _has_paths(text: str) -> bool:
    """Return whether a value of the JSON, or of a line of it, has an absolute path."""
    values = [json.loads(text)] if text.startswith("{\n") else [json.loads(line) for line in text.splitlines()]
    return any(without_paths(value) != value for value in values)


def _is_alive(svg: str) -> bool:
    if _ALIVE_TEXT.search(svg):
        return True
    try:
        # Without entities nothing grows.
        elements = [*ElementTree.fromstring(svg).iter()]  # noqa: S314
    except ElementTree.ParseError:
        return True
    names = [(name.rpartition("}")[2].lower(), value) for one in elements for name, value in one.attrib.items()]
    tags = [one.tag for one in elements]
    return any(tag.startswith(_XHTML) or tag.rpartition("}")[2] in _ALIVE for tag in tags) or any(
        name.startswith("on") or (name == "href" and not value.startswith("#")) for name, value in names
    )
