from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.environment.hashes import PROJECT
from experiments.matrix.cell import Cell
from experiments.matrix.values import NAME_FORM
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import STATUSES, Record
from experiments.report.charts.catalog import CURVE_AXES, MOST_CELLS, chart_images, chart_name, list_charts
from experiments.report.publish import charts_of
from tests.experiments.made_summaries import summed

SVG = "{http://www.w3.org/2000/svg}"
THREADED, ASYNCIO = "row_by_row_threaded", "row_by_row_asyncio"

RATES = [10_000.0, 10_100.0, 9_900.0, 10_050.0, 9_950.0, 10_000.0]


def parse(svg: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def marks(svg: bytes) -> dict[str, int]:
    """How many points or intervals the file has under each id that is a chart's own."""
    own = ("baseline", "significant", "not-significant", "nothing-claimed", "interval", "line-", "apart-")
    groups = {group.get("id", ""): group for group in parse(svg).iter(f"{SVG}g")}
    return {name: _drawn(group) for name, group in groups.items() if name.startswith(own)}


def _drawn(group: ElementTree.Element) -> int:
    """Points are uses of a marker; what has none is segments."""
    uses = len(list(group.iter(f"{SVG}use")))
    return uses or len(group.findall(f"{SVG}path"))


def texts(svg: bytes) -> list[str]:
    """Every line of text."""
    return [str(element.text) for element in parse(svg).iter(f"{SVG}text")]


def title_of(svg: bytes) -> str:
    """The finding that the chart is named by."""
    return str(getattr(parse(svg).find(f"{SVG}title"), "text", None))


@pytest.fixture
def experiment(description: Description) -> ShownExperiment:
    return description.experiments[0]


@pytest.fixture
def made(
    description: Description, threaded: Cell, make_record: Callable[..., Record]
) -> Callable[..., tuple[Description, list[Record]]]:
    """Makes a campaign: rows/s per block of each cell, the baseline first, which runs twice; no runs: cannot run."""

    def make(
        cells: Sequence[tuple[Cell, list[float]]], matrix: dict[str, Any], *, again: bool = True, blocks: int = 6
    ) -> tuple[Description, list[Record]]:
        shown, records = [], []
        for number, (cell, rates) in enumerate(cells):
            for arm in ("a", "b") if again and number == 0 else ("a",):
                reason = None if rates else "no wheel"
                shown.append(ShownCell(f"sha256:{number}", arm, ("loaders",), cell, reason))
                wobble = 1.005 if arm == "b" else 1.0
                records += [
                    make_record(
                        cell,
                        cell_key=f"sha256:{number}",
                        arm=arm,
                        block=block,
                        rows_per_s=rate * (wobble if block % 2 else 1 / wobble),
                    )
                    for block, rate in enumerate(rates, start=1)
                ]
        experiments = {"loaders": {"matrix": matrix}}
        described = replace(
            description,
            cells=tuple(shown),
            repeats=blocks,
            matrix={**description.matrix, "experiments": experiments},
        )
        return described, records

    return make


def pool_sizes(threaded: Cell, uvloop_cell: Cell) -> list[tuple[Cell, list[float]]]:
    return [
        (replace(cell, poolsize=size), [rate * factor for rate in RATES])
        for cell in (threaded, uvloop_cell)
        for size, factor in ((20, 1.0), (1, 0.3), (5, 0.8))
    ]


def test_every_row_has_its_point_and_every_row_with_an_interval_its_interval(
    made: Callable[..., tuple[Description, list[Record]]],
    threaded: Cell,
    uvloop_cell: Cell,
    experiment: ShownExperiment,
) -> None:
    cells = [
        (threaded, RATES),
        (uvloop_cell, [1.5 * rate for rate in reversed(RATES)]),
        (replace(uvloop_cell, loop="asyncio"), list(reversed(RATES))),
        (replace(uvloop_cell, loop="rloop"), []),
    ]
    matrix = {"loader": [THREADED, ASYNCIO], "loop": ["uvloop", "asyncio", "rloop"]}
    svg = charts_of(*summed(*made(cells, matrix), experiment))["loaders.svg"]
    expected = {"baseline": 1, "baseline-again": 1, "significant": 1, "not-significant": 1, "intervals": 3}
    assert marks(svg) == expected
    ids = {element.get("id") for element in parse(svg).iter()}
    assert {"noise-floor", "one"} <= ids
    assert {"loaders: Is asyncio faster than threads?", "aiopg · uvloop", "aiopg · asyncio"} <= set(texts(svg))
    assert title_of(svg) == "1 of 2 rows differs significantly from psycopg2 · threads; most: aiopg · uvloop, 1.50x"
    assert any(text.endswith("1 row of the table not shown") for text in texts(svg))
    assert "aiopg · rloop" not in texts(svg)


def test_the_foot_says_where_and_how(
    made: Callable[..., tuple[Description, list[Record]]], threaded: Cell, experiment: ShownExperiment
) -> None:
    lines = texts(charts_of(*summed(*made([(threaded, RATES)], {}), experiment))["loaders.svg"])
    assert "2026-11-22T1430-local; A Processor, 3 of 4 cores" in lines
    below = next(line for line in lines if line.startswith("6 blocks; noise floor "))
    assert "95% interval" in below


def test_where_nothing_can_be_claimed_points_say_so(
    made: Callable[..., tuple[Description, list[Record]]],
    threaded: Cell,
    uvloop_cell: Cell,
    experiment: ShownExperiment,
) -> None:
    cells = [(threaded, [10_000.0]), (uvloop_cell, [14_000.0])]
    svg = charts_of(*summed(*made(cells, {}, blocks=1), experiment))["loaders.svg"]
    assert any("without intervals, which need 5 blocks" in text for text in texts(svg))
    assert title_of(svg) == "Ratios to psycopg2 · threads: nothing can be claimed"
    assert marks(svg) == {"baseline": 1, "baseline-again": 1, "nothing-claimed": 1}


def test_a_campaign_whose_runs_all_failed_has_a_sentence_and_no_chart(
    description: Description, make_failure: Callable[..., Record], threaded: Cell, experiment: ShownExperiment
) -> None:
    records = [
        make_failure(threaded, status="wrong_work", reason="rows"),
        make_failure(threaded, block=2, status="timeout"),
    ]
    assert charts_of(*summed(description, records, experiment)) == {}
    images = chart_images(*summed(description, records, experiment), "charts")
    assert images == "No row has a ratio to the baseline, so there is no chart of them.\n\n"


def test_where_nothing_is_significant_a_sentence_says_what_was_compared(
    made: Callable[..., tuple[Description, list[Record]]],
    threaded: Cell,
    uvloop_cell: Cell,
    experiment: ShownExperiment,
) -> None:
    campaign = summed(*made([(threaded, RATES), (uvloop_cell, RATES[::-1])], {}), experiment)
    assert charts_of(*campaign) == {}
    assert chart_images(*campaign, "charts") == (
        "No row differs significantly from psycopg2 · threads (1 row, 1.00x), so there is no chart of the ratios.\n\n"
    )


def test_a_front_page_has_the_rows_that_differ_most_and_the_loaders_of_a_setting_together(
    made: Callable[..., tuple[Description, list[Record]]],
    threaded: Cell,
    uvloop_cell: Cell,
    experiment: ShownExperiment,
) -> None:
    cells = [
        (replace(cell, data=f"d{number}"), [rate * (1 + number / 10) for rate in RATES])
        for cell in (threaded, uvloop_cell)
        for number in range(7)
    ]
    campaign = summed(*made(cells, {}), experiment)
    drawn = charts_of(*campaign)
    assert sum(count for name, count in marks(drawn["loaders.svg"]).items() if name != "intervals") == 15
    front = drawn["loaders~front.svg"]
    assert marks(front)["significant"] == 11
    assert [text for text in texts(front) if "·" in text][-4:] == ["psycopg2 · threads", "aiopg · uvloop"] * 2
    assert "(charts/loaders~front.svg)" in chart_images(*campaign, "charts", "front")
    assert "(charts/loaders.svg)" not in chart_images(*campaign, "charts", "front")
    assert "front" not in chart_images(*campaign, "charts")


def test_curves_have_a_line_for_each_combination_of_the_other_axes(
    made: Callable[..., tuple[Description, list[Record]]],
    threaded: Cell,
    uvloop_cell: Cell,
    experiment: ShownExperiment,
) -> None:
    matrix = {"loader": [THREADED, ASYNCIO], "loop": ["uvloop"], "poolsize": [1, 5, 20]}
    campaign = made(pool_sizes(threaded, uvloop_cell), matrix)
    svg = charts_of(*summed(*campaign, experiment))["loaders~poolsize.svg"]
    lines = {f"line-{metric}-0-{line}": 3 for metric in ("rows", "cpu") for line in (0, 1)}
    intervals = {f"intervals-{metric}-0-{line}": 3 for metric in ("rows", "cpu") for line in (0, 1)}
    assert marks(svg) == {**lines, **intervals}
    assert {"1", "5", "20", "pool size (log scale)", "rows/s", "psycopg2 · threads", "aiopg · uvloop"} <= set(
        texts(svg)
    )


def test_curves_over_interpreters_are_in_version_order_and_set_free_threaded_builds_apart(
    made: Callable[..., tuple[Description, list[Record]]], threaded: Cell, experiment: ShownExperiment
) -> None:
    pythons = [("3.13", None), ("3.9", None), ("3.14t", "off"), ("3.14t", "default"), ("3.10", None), ("3.14", None)]
    cells = [(replace(threaded, python=python, gil=gil), [10_000.0 + n for n in range(6)]) for python, gil in pythons]
    matrix = {"python": ["3.13", "3.9", "3.14t", "3.10", "3.14"], "gil": ["default", "off"]}
    svg = charts_of(*summed(*made(cells, matrix), experiment))["loaders~python.svg"]
    assert marks(svg)["line-rows-0-0"] == 4
    assert marks(svg)["apart-rows-0-0"] == 2
    shown = [text for text in texts(svg) if text.startswith("3.")]
    assert shown[:6] == ["3.9", "3.10", "3.13", "3.14", "3.14t", "3.14t"]
    assert texts(svg).count("GIL off") == 2


def test_many_lines_are_drawn_in_panels_of_few(
    made: Callable[..., tuple[Description, list[Record]]], threaded: Cell, experiment: ShownExperiment
) -> None:
    loaders = [f"row_by_row_{letter}" for letter in "abcdefg"]
    cells = [
        (replace(threaded, loader=loader, poolsize=size), [10_000.0 + n for n in range(6)])
        for loader in loaders
        for size in (1, 5, 20)
    ]
    matrix = {"loader": loaders, "poolsize": [1, 5, 20]}
    svg = charts_of(*summed(*made(cells, matrix), experiment))["loaders~poolsize.svg"]
    assert {name for name in marks(svg) if name.startswith("line-rows")} == {
        *(f"line-rows-0-{n}" for n in range(4)),
        *(f"line-rows-1-{n}" for n in range(3)),
    }


def test_two_values_of_an_axis_make_no_curve_nor_do_those_that_cannot_run(
    made: Callable[..., tuple[Description, list[Record]]], threaded: Cell, experiment: ShownExperiment
) -> None:
    cells = [(replace(threaded, poolsize=size), rates) for size, rates in ((20, [1.0]), (1, [1.0]), (5, []))]
    campaign = summed(*made(cells, {"poolsize": [1, 5, 20]}), experiment)
    assert [chart.name for chart in list_charts(*campaign)] == ["loaders.svg"]


def test_no_experiment_has_a_name_that_makes_it_take_the_charts_of_another_one() -> None:
    kinds = ("", "front", "time", *CURVE_AXES)
    names = ["x", *(f"x-{kind}" for kind in kinds)]
    files = [chart_name(ShownExperiment(name, "?"), kind) for name in names for kind in kinds]
    assert len(files) == len(set(files)) == 6 * 5
    assert not any(re.fullmatch(NAME_FORM, chart_name(ShownExperiment("x", "?"), kind)) for kind in kinds[1:])


def test_files_have_the_same_bytes_each_time_a_description_white_paper_and_no_id_twice(
    made: Callable[..., tuple[Description, list[Record]]],
    threaded: Cell,
    uvloop_cell: Cell,
    experiment: ShownExperiment,
) -> None:
    campaign = summed(*made(pool_sizes(threaded, uvloop_cell), {"poolsize": [1, 5, 20]}), experiment)
    drawn = charts_of(*campaign)
    assert charts_of(*campaign) == drawn
    charts = list_charts(*campaign)
    assert list(drawn) == [chart.name for chart in charts]
    for svg, alt in zip(drawn.values(), (chart.alt for chart in charts), strict=True):
        root = parse(svg)
        assert any(title_of(svg).startswith(text) for text in texts(svg))
        assert [node.text for node in root.iter("{http://purl.org/dc/elements/1.1/}description")] == [alt]
        paper = next(root.iter(f"{SVG}path"))
        assert f".{paper.get('class')}{{fill: #ffffff}}" in svg.decode()
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert b"'DejaVu Sans', Verdana, sans-serif" in svg
        assert root.get("width") == "675pt"


def test_a_question_may_hold_dollars_brackets_and_angles(
    made: Callable[..., tuple[Description, list[Record]]], threaded: Cell
) -> None:
    asked = ShownExperiment("loaders", "Is $5 <less> than [6] & $7 -- or\nnot?" + " word" * 60)
    described, records = made([(threaded, [10_000.0] * 6)], {})
    svg = charts_of(*summed(described, records, asked))["loaders.svg"]
    assert any(text.startswith("loaders: Is $5 <less> than [6] & $7") for text in texts(svg))
    assert r"\<less\> than \[6\] & $7 -- or not?" in chart_images(*summed(described, records, asked), "charts")


def test_an_image_stands_in_a_paragraph_of_its_own(
    made: Callable[..., tuple[Description, list[Record]]],
    threaded: Cell,
    uvloop_cell: Cell,
    experiment: ShownExperiment,
) -> None:
    campaign = made(pool_sizes(threaded, uvloop_cell), {"poolsize": [1, 5, 20]})
    text = chart_images(*summed(*campaign, experiment), "../charts")
    assert text.startswith("![Chart of loaders: Is asyncio faster than threads? ")
    assert "](../charts/loaders.svg)\n\n![" in text
    assert text.endswith("](../charts/loaders~poolsize.svg)\n\n")


def test_an_experiment_of_too_many_cells_has_a_sentence_instead_of_charts(
    made: Callable[..., tuple[Description, list[Record]]], threaded: Cell, experiment: ShownExperiment
) -> None:
    def cells(count: int) -> list[tuple[Cell, list[float]]]:
        return [(replace(threaded, poolsize=size), [10_000.0]) for size in range(1, count + 1)]

    campaign = summed(*made(cells(MOST_CELLS + 1), {}, again=False), experiment)
    assert charts_of(*campaign) == {}
    assert chart_images(*campaign, "charts") == ("No charts: they show at most 300 cells. The table has all 301.\n\n")
    fewer = summed(*made(cells(MOST_CELLS), {}, again=False), experiment)
    assert "![Chart of loaders over pool size" in chart_images(*fewer, "charts")


def test_what_a_user_has_set_for_the_library_changes_nothing(
    description: Description, make_record: Callable[..., Record], experiment: ShownExperiment
) -> None:
    import matplotlib

    records = [make_record(), make_record(arm="b")]
    plain = charts_of(*summed(description, records, experiment))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "none"}):
        assert charts_of(*summed(description, records, experiment)) == plain != {}
        assert matplotlib.rcParams["font.size"] == 30


def test_reports_do_not_load_the_charting_library_before_they_draw() -> None:
    code = "import sys, experiments.report.publish; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_became_of_the_runs_there_are_charts(
    data: st.DataObject, description: Description, make_record: Callable[..., Record], experiment: ShownExperiment
) -> None:
    blocks = data.draw(st.integers(1, 7))
    sizes = data.draw(st.lists(st.integers(1, 500), min_size=1, max_size=5, unique=True))
    cells, records = [], []
    for size in sizes:
        cell = replace(description.cells[0].cell, poolsize=size)
        cells.append(ShownCell(f"sha256:{size}", "a", ("loaders",), cell, data.draw(st.sampled_from([None, "no"]))))
        for block in range(1, blocks + 1):
            status = data.draw(st.sampled_from(STATUSES))
            rate = data.draw(st.floats(1e-3, 1e7)) if status == "ok" else None
            made = replace(
                make_record(block=block), cell=cell, cell_key=f"sha256:{size}", status=status, rows_per_s=rate
            )
            records.append(made)
    cells += [replace(cells[0], arm="b")] if data.draw(st.booleans()) else []
    described = replace(description, cells=tuple(cells), repeats=blocks)
    campaign = summed(described, records, experiment)
    assert [*charts_of(*campaign)] == [chart.name for chart in list_charts(*campaign)]
    assert chart_images(*campaign, "charts")
