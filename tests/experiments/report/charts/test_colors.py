from __future__ import annotations

import re
from collections.abc import Callable

from experiments.analysis.summary import ExperimentSummary
from experiments.records.campaign import Campaign
from experiments.report.charts.catalog import list_charts
from experiments.report.charts.colors import BLACK, DARK, PAPER, name_styles
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
        light, dark = style.split("@media (prefers-color-scheme: dark)")
        used = set(re.findall(r"#[0-9a-f]{6}", light + marks))
        assert used <= DARK.keys()
        assert {DARK[color] for color in used} == set(re.findall(r"#[0-9a-f]{6}", dark))


def test_texts_keep_their_contrast_on_dark_screens() -> None:
    for ground in DARK:
        ink = max((BLACK, PAPER), key=lambda one: contrast(one, ground))
        if contrast(ink, ground) >= 7:
            assert contrast(DARK[ink], DARK[ground]) >= 4.5, ground


def test_a_style_stands_once_and_has_the_colours_of_both_schemes() -> None:
    paper, plain = f'<path style="fill: {PAPER}; stroke: {BLACK}"/>', '<g style="opacity: 0.5"/>'
    assert name_styles(f'{paper}{plain}{paper}<rect fill="{PAPER}"/>') == (
        '<path class="s0"/><g class="s1"/><path class="s0"/><rect fill="#ffffff"/>',
        ".s0{fill: #ffffff; stroke: #1a1a1a} .s1{opacity: 0.5} @media (prefers-color-scheme: dark)"
        '{.s0{fill: #0d1117; stroke: #e6edf3} [fill="#ffffff"]{fill: #0d1117}}',
    )
