"""The file of the page: HTML, style, scripts, library and data in one, so that it needs no network."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

from experiments.analysis.summary import CampaignSummary
from experiments.report.answer.facts import find_question
from experiments.report.page.data import PageData, collect_page

REPORT = "report.html"
"""The page of a campaign in its folder; published ones share that of their folder."""
INDEX = "index.html"

FOLDER = Path(__file__).parent
SCRIPTS = ("queueing", "state", "table", "charts", "model", "cell", "app")
LIBRARY = FOLDER / "vega.js"

_PART = re.compile(r"<!-- (\w+) -->\n")


def campaign_html(whole: CampaignSummary) -> str:
    """Return the page of one campaign."""
    return write_html(collect_page([whole], [""]), whole.campaign.name)


def index_html(campaigns: Sequence[CampaignSummary]) -> str:
    """Return the page of a folder of campaigns, newest first; it begins with one that asks the question."""
    ordered = in_page_order(campaigns)
    return write_html(collect_page(ordered, [f"{one.campaign.name}/" for one in ordered]), "published campaigns")


def in_page_order(campaigns: Sequence[CampaignSummary]) -> list[CampaignSummary]:
    """Return those that ask the question before the others."""
    return sorted(campaigns, key=lambda one: find_question(one.campaign.description) is None)


def write_html(data: PageData, title: str) -> str:
    """Return the page as text. Nothing in the data is alive: no ``<`` of it is in the file."""
    values = json.dumps(data.to_values(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    scripts = [LIBRARY, *(FOLDER / "scripts" / f"{name}.js" for name in SCRIPTS)]
    parts = {
        "title": f"<title>{html.escape(title)} · bigdata-matrix</title>\n",
        "style": f"<style>\n{_read(FOLDER / 'style.css')}</style>\n",
        "data": f'<script type="application/json" id="data">{_escape(values)}</script>\n',
        "scripts": "".join(f"<script>\n{_read(path)}</script>\n" for path in scripts),
    }
    return _PART.sub(lambda match: parts[match[1]], _read(FOLDER / "page.html"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _escape(values: str) -> str:
    """Escape what would end the script element, or the line in a script."""
    return values.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
