from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

from experiments.analysis.summary import CampaignSummary, summarize_campaign
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownExperiment
from experiments.records.record import Record
from experiments.report.page.html import LIBRARY, campaign_html, index_html
from tests.project import ROOT

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 & \" '"


def hostile(description: Description, make_record: Callable[..., Record]) -> CampaignSummary:
    """A campaign whose texts would like to be HTML."""
    described = replace(
        description,
        campaign=HOSTILE,
        experiments=(ShownExperiment("loaders", HOSTILE),),
        cells=tuple(replace(one, cell=replace(one.cell, postgres=HOSTILE)) for one in description.cells),
    )
    return summarize_campaign(Campaign(described, [make_record(reason=HOSTILE)]))


def test_no_text_of_a_campaign_gets_out_of_the_data(
    description: Description, make_record: Callable[..., Record]
) -> None:
    whole = hostile(description, make_record)
    for page in (campaign_html(whole), index_html([whole])):
        assert page.count("</script>") == page.count("<script") == 9
        assert "alert(1)</script" not in page
        (text,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', page)
        assert "<" not in text
        assert json.loads(text)["campaigns"][0]["name"] == HOSTILE


def test_the_page_of_a_folder_begins_with_the_newest_campaign_that_asks_the_question(description: Description) -> None:
    def whole(name: str, experiment: str) -> CampaignSummary:
        described = replace(description, campaign=name, experiments=(ShownExperiment(experiment, "Why?"),), cells=())
        return summarize_campaign(Campaign(described, []))

    asked = [whole(*one) for one in (("newest", "latency"), ("newer", "io_or_cpu"), ("older", "loaders"))]
    (text,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', index_html(asked))
    assert [one["name"] for one in json.loads(text)["campaigns"]] == ["newer", "older", "newest"]


def test_a_page_names_no_place_to_load_anything_from(
    description: Description, make_record: Callable[..., Record]
) -> None:
    page = campaign_html(hostile(description, make_record))
    assert re.findall(r'<\w[^>]*\s(?:src|href)="(?!#|data:)', page.replace(LIBRARY.read_text(), "")) == []
    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:" in page
    assert len(page.encode()) < 3_000_000


def test_the_library_is_that_of_the_locked_package() -> None:
    lock = (ROOT / "experiments/requirements/library.txt").read_text()
    (version,) = re.findall(r"^vl-convert-python==(\S+)", lock, re.MULTILINE)
    with LIBRARY.open(encoding="utf-8") as file:
        assert file.readline() == f"/* Made by nox -s library from vl-convert-python {version}: do not edit.\n"


def test_no_script_of_the_page_reads_data_as_html() -> None:
    scripts = [path.read_text() for path in (LIBRARY.parent / "scripts").glob("*.js")]
    assert scripts
    assert not any(re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", one) for one in scripts)
