from __future__ import annotations

import re
from collections.abc import Callable

from experiments.analysis.summary import ExperimentSummary
from experiments.records.campaign import Campaign
from experiments.report.charts.catalog import list_charts
from experiments.report.charts.colors import BLACK, DARK, PAPER, dark_style
from experiments.report.charts.figures import draw_charts

Question = Callable[[float], tuple[ExperimentSummary, Campaign]]


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_of_every_chart_has_a_counterpart_for_dark_screens(question: Question) -> None:
    summary, campaign = question(0.5)
    drawn = draw_charts(summary, campaign, {chart.name: chart.alt for chart in list_charts(summary, campaign)})
    assert len(drawn) == 6
    for svg in drawn.values():
        style, marks = svg.decode().split("</style>", 1)
        assert set(re.findall(r"#[0-9a-f]{6}", marks)) <= DARK.keys()
        assert style.count("!important") >= len(set(re.findall(r"#[0-9a-f]{6}", marks)))


def test_texts_keep_their_contrast_on_dark_screens() -> None:
    for ground in DARK:
        ink = max((BLACK, PAPER), key=lambda one: contrast(one, ground))
        if contrast(ink, ground) >= 7:
            assert contrast(DARK[ink], DARK[ground]) >= 4.5, ground


def test_only_colours_in_use_have_a_rule() -> None:
    assert dark_style(f'style="fill: {PAPER}"') == (
        '@media (prefers-color-scheme: dark){[style*="fill: #ffffff"]{fill: #0d1117 !important}}'
    )
