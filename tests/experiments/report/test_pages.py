from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from experiments.records.description import Description, ShownExperiment
from experiments.records.facts import MachineFacts, Placement
from experiments.records.folder import create
from experiments.records.record import Record, ServerUse
from experiments.report.pages import make_inert
from experiments.report.publish import write_front_page, write_tables
from tests.experiments.made_observed import observed

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) | [y]: javascript:1 <!-- `"


@pytest.mark.parametrize(
    ("text", "inert"),
    [
        ("a < b and 1 <2", "a < b and 1 <2"),
        ("<script>", "&lt;script>"),
        ("<!-- x", "&lt;!-- x"),
        ("</td>", "&lt;/td>"),
        ("<javascript:alert(1)>", "&lt;javascript:alert(1)>"),
        ("[x](javascript:alert(1))", r"[x]\(javascript:alert(1))"),
        ("[x](java&#115;cript:1)", r"[x]\(java&#115;cript:1)"),
        ("![x](//elsewhere/x.png)", r"![x]\(//elsewhere/x.png)"),
        ("[x](<javascript:1>)", r"[x]\(&lt;javascript:1>)"),
        ("[x]: javascript:1", r"[x]\: javascript:1"),
        ("[x](tables/x-y_1.md#z) ![x](../charts/a%20b.svg)", "[x](tables/x-y_1.md#z) ![x](../charts/a%20b.svg)"),
    ],
)
def test_only_links_to_files_beside_a_page_are_alive(text: str, inert: str) -> None:
    assert make_inert(text) == inert


def test_no_text_of_a_campaign_is_alive_in_any_page_or_chart(
    tmp_path: Path, description: Description, make_record: Callable[..., Record], make_failure: Callable[..., Record]
) -> None:
    cells = tuple(replace(one, unsupported=one.unsupported and HOSTILE) for one in description.cells)
    cells = tuple(replace(one, cell=replace(one.cell, postgres=HOSTILE, python=HOSTILE)) for one in cells)
    hostile = replace(
        description,
        matrix={"postgres": {HOSTILE: {"settings": {HOSTILE: HOSTILE}}}},
        matrix_hash=HOSTILE,
        engine=HOSTILE,
        created_at=HOSTILE,
        experiments=(ShownExperiment("loaders", HOSTILE),),
        cells=cells,
        selection={HOSTILE: HOSTILE},
        environment=MachineFacts(
            cpu=HOSTILE, machine=HOSTILE, cores_allowed=(0, 1), system=HOSTILE, virtualisation=HOSTILE
        ),
        placements={"split": Placement(frozenset({0}), frozenset({1}), note=HOSTILE)},
        engines={HOSTILE: {"version": HOSTILE}},
    )
    folder = create(tmp_path / "results", hostile)
    for block in range(1, 7):
        for shown in cells[:2]:
            made = observed(make_record(shown.cell, block=block, cell_key=shown.cell_key, arm=shown.arm))
            folder.append(replace(made, server=ServerUse(HOSTILE, {HOSTILE: HOSTILE}, HOSTILE, 1.4)))
        folder.append(
            make_failure(cells[2].cell, block=block, cell_key=cells[2].cell_key, status="failed", reason=HOSTILE)
        )
    write_tables(folder)
    write_front_page(tmp_path / "results")
    pages = sorted(tmp_path.rglob("*.md"))
    telling = [page.parent.name for page in pages if "alert(1)" in page.read_text()]
    assert telling == [folder.path.name, "tables", "results"]
    for page in pages:
        assert not re.search(r"<[a-z/!]|\]\(javascript|\]:", page.read_text(), re.IGNORECASE), page
    charts = sorted(tmp_path.rglob("*.svg"))
    assert charts
    for chart in charts:
        for element in ElementTree.parse(chart).iter():
            assert element.tag.rpartition("}")[2] not in ("script", "img", "a", "foreignObject")
            links = [value for name, value in element.attrib.items() if name.endswith("href")]
            assert all(link.startswith("#") for link in links)
            assert not any(name.startswith("on") for name in element.attrib)
