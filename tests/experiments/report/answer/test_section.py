"""The sentences, the table of settings and the README's section."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.stats import Estimate
from experiments.analysis.summary import summarize_campaign
from experiments.analysis.usable_cores import Setup
from experiments.errors import BadInput
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import Record
from experiments.report.answer.facts import ASYNCIO, THREADS, UVLOOP, Facts, Measured, Ratio, Setting
from experiments.report.answer.section import (
    LOADERS,
    NOTE,
    describe_question,
    say_bottleneck,
    say_bounds,
    say_costs,
    say_settings,
    say_throughput,
    settings_table,
    write_answer,
    write_sentences,
)

AXES = {"engine": "local", "gil": None, "postgres": "default", "poolsize": 20, "resources": "split"}
WORDS = 25


def ratio(value: float, *, noise: bool | None = True) -> Ratio:
    return Ratio(Estimate(value, value - 0.1, value + 0.1), noise)


def measured(client_us: float, server_us: float, **changes: Any) -> Measured:
    one = Measured(
        Estimate(13_000.0, 12_000.0, 14_000.0), client_us, server_us, client_us / 80, 0.94, "server-bound", 0.913
    )
    return replace(one, **changes)


MAIN = Setting(
    AXES,
    {
        THREADS: measured(17.2, 71.0, to_pgbench=ratio(1.08)),
        ASYNCIO: measured(20.1, 66.0, ratio=ratio(1.06)),
        UVLOOP: measured(19.9, 70.0, ratio=ratio(1.02)),
    },
    main=True,
)


def changed(setting: Setting = MAIN, **changes: Any) -> Setting:
    """The setting with these values in all its loaders."""
    return replace(setting, loaders={name: replace(one, **changes) for name, one in setting.loaders.items()})


def other(value: float, *, noise: bool = False, durable: bool = True, **axes: Any) -> Setting:
    """Another setting, where threads have this ratio to the baseline."""
    loaders = changed(to_baseline=ratio(value, noise=noise)).loaders
    return Setting({**AXES, **axes}, loaders, durable=durable)


FACTS = Facts(
    (
        MAIN,
        other(1.31, noise=True, durable=False, postgres="async_commit"),
        other(1.34, durable=False, postgres="fsync_off"),
        other(0.29, poolsize=1),
        other(0.69, noise=True, poolsize=50),
        other(0.82, poolsize=5),
        other(9.0, postgres="pg15"),
        other(9.0, poolsize=1, postgres="fsync_off", durable=False),
    ),
    copy_rows_per_s=147_364.0,
    pgbench_rows_per_s=12_377.0,
)


def test_six_sentences_answer_the_question_each_of_which_can_be_quoted_alone() -> None:
    sentences = write_sentences(FACTS)
    assert sentences == [
        "With 20 connections and durable commits the work is CPU bound in PostgreSQL: PostgreSQL uses 94% of its core, "
        "Python 22% to 25%.",
        "No significant difference: asyncio reaches 1.06x the throughput of threads (95% CI 0.96 to 1.16), "
        "uvloop 1.02x (0.92 to 1.12).",
        "A row costs Python 17.2 µs of CPU with threads, 20.1 with asyncio, 19.9 with uvloop, and PostgreSQL 66 to 71 "
        "µs.",
        "Python becomes the bottleneck below about 0.24 of a core with threads, 0.30 with asyncio, 0.28 with uvloop "
        "(predicted from CPU per row).",
        "Relative to 20 connections on `default`, threads reach 1.31x (n.s.) with `async_commit`, 1.34x with "
        "`fsync_off`, 0.69x (n.s.) with 50 connections, 0.29x with 1 connection.",
        "COPY reaches 147,364 rows/s (11.3x threads) and pgbench 12,377, of which threads reach 1.08x (n.s.), 95% CI "
        "0.98 to 1.18.",
    ]
    assert all(len(sentence.split()) <= WORDS for sentence in sentences)


def test_without_a_run_of_the_baseline_there_is_no_answer() -> None:
    assert write_sentences(Facts(FACTS.settings[1:])) == []


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("client-bound", "CPU bound in Python"),
        ("commit-bound", "IO bound by commits"),
        ("latency-bound", "bound by latency"),
        ("host-saturated", "limited by the machine"),
        ("mixed", "without a single bottleneck"),
    ],
)
def test_every_bottleneck_has_its_words(label: str, said: str) -> None:
    assert f" the work is {said}: " in say_bottleneck(changed(bottleneck=label))


def test_loaders_with_different_bottlenecks_are_named() -> None:
    loaders = {**MAIN.loaders, UVLOOP: replace(MAIN.loaders[UVLOOP], bottleneck="mixed")}
    assert say_bottleneck(replace(MAIN, loaders=loaders, durable=False)) == (
        "With 20 connections the bottleneck depends on the loader: threads and asyncio are server-bound and uvloop is "
        "mixed."
    )


@pytest.mark.parametrize(
    ("setup", "cores"),
    [(Setup(server_cores=2), "94% of its cores, "), (Setup(shared_cores=1), "94% of the cores of both, ")],
)
def test_cores_are_those_of_the_setting(setup: Setup, cores: str) -> None:
    assert cores in say_bottleneck(replace(MAIN, setup=setup))


def test_a_significant_difference_is_told_with_what_is_none() -> None:
    loaders = {**MAIN.loaders, ASYNCIO: replace(MAIN.loaders[ASYNCIO], ratio=ratio(0.8, noise=False))}
    assert say_throughput(replace(MAIN, loaders=loaders)) == (
        "A significant difference: asyncio reaches 0.80x the throughput of threads (95% CI 0.70 to 0.90), uvloop 1.02x "
        "(n.s.) (0.92 to 1.12)."
    )


def test_sentences_without_their_facts_are_left_out() -> None:
    assert say_bottleneck(changed(bottleneck=None)) == ""
    assert say_bottleneck(changed(client_share=None)) == ""
    assert say_throughput(changed(ratio=None)) == ""
    assert say_throughput(changed(ratio=ratio(1.0, noise=None))) == ""
    assert say_costs(changed(server_us=None)) == []
    assert say_settings(Facts((MAIN,)), MAIN) == ""
    assert say_bounds(replace(FACTS, copy_rows_per_s=None), MAIN) == ""
    assert say_bounds(replace(FACTS, pgbench_rows_per_s=None), MAIN) == ""
    assert say_bounds(FACTS, changed(to_pgbench=None)) == ""
    assert say_bounds(FACTS, replace(MAIN, loaders={})) == ""


def test_ratios_to_a_baseline_that_is_another_loader_are_none_of_threads() -> None:
    assert say_settings(FACTS, changed(to_baseline=ratio(1.0))) == ""


def test_a_limit_is_predicted_only_where_postgresql_has_cores_of_its_own_and_is_the_bottleneck() -> None:
    assert "0.48 of a core with threads" in say_costs(replace(MAIN, setup=Setup(server_cores=2)))[1]
    for setting in (
        replace(MAIN, setup=Setup(shared_cores=1)),
        replace(MAIN, setup=Setup(client_quota=0.5)),
        changed(bottleneck="commit-bound"),
        changed(bottleneck="client-bound"),
    ):
        assert len(say_costs(setting)) == 1


def rows(*settings: Setting) -> list[list[str]]:
    text = settings_table(Facts(settings)).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (text[0], *text[2:])]


def test_a_row_of_the_table_is_a_setting_with_all_its_loaders() -> None:
    loaders = {
        **MAIN.loaders,
        ASYNCIO: replace(MAIN.loaders[ASYNCIO], ratio=ratio(0.93, noise=False), bottleneck="client-bound"),
    }
    headings, first, second = rows(replace(MAIN, loaders=loaders), other(1.0, poolsize=1))
    assert dict(zip(headings, first, strict=True)) == {
        "pool size": "20",
        "rows/s of threads": "13,000 (12,000 to 14,000)",
        "asyncio ÷ threads": "0.93 (0.83 to 1.03)",
        "uvloop ÷ threads": "1.02 (0.92 to 1.12) n.s.",
        "client CPU µs/row": "17.2 / 20.1 / 19.9",
        "bottleneck": "threads and uvloop server-bound; asyncio client-bound",
        "of pgbench": "91%",
    }
    assert (second[0], second[headings.index("bottleneck")]) == ("1", "server-bound")


def test_empty_columns_are_left_out_and_holes_are_dashes() -> None:
    threads = replace(MAIN.loaders[THREADS], bottleneck=None, ceiling_share=None)
    headings, row = rows(replace(MAIN, loaders={THREADS: threads}))
    assert headings == ["rows/s of threads", "client CPU µs/row"]
    assert row == ["13,000 (12,000 to 14,000)", "17.2 / – / –"]  # noqa: RUF001


def test_a_bottleneck_that_not_all_have_is_told_with_its_loader() -> None:
    loaders = {
        name: replace(one, bottleneck=None if name == THREADS else one.bottleneck) for name, one in MAIN.loaders.items()
    }
    headings, row = rows(replace(MAIN, loaders=loaders))
    assert row[headings.index("bottleneck")] == "asyncio and uvloop server-bound"


def test_a_setting_without_threads_has_no_throughput() -> None:
    headings, _, row = rows(MAIN, replace(MAIN, loaders={ASYNCIO: MAIN.loaders[ASYNCIO]}))
    assert row[headings.index("rows/s of threads")] == "–"  # noqa: RUF001


@pytest.fixture
def campaign(
    description: Description, make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell
) -> Campaign:
    """The experiment of the question, without curves, in six blocks."""
    cells = tuple(replace(cell, experiments=("io_or_cpu",)) for cell in description.cells)
    matrix = {**description.matrix, "experiments": {"io_or_cpu": {"matrix": {"loop": ["uvloop", "asyncio"]}}}}
    asking = replace(description, experiments=(ShownExperiment("io_or_cpu", "IO?"),), cells=cells, matrix=matrix)
    records = [
        make_record(cell, block=block, arm=arm, rows_per_s=10_000.0 + block * 10 + (arm == "b"))
        for cell, arm in ((threaded, "a"), (threaded, "b"), (uvloop_cell, "a"))
        for block in range(1, 7)
    ]
    return Campaign(asking, records)


def test_the_readme_has_three_sentences_and_one_picture(campaign: Campaign) -> None:
    answer = write_answer(summarize_campaign(campaign), "here", "results/one")
    assert answer.startswith(
        f"IO?\n\n{LOADERS}\n\n- Measured rows/s, of those that one core of Python could do: threads 10,035 of "
    )
    assert "\n- No significant difference: uvloop reaches 1.00x the throughput" in answer
    assert re.findall(r"\]\((.*?)\)", answer) == ["results/one/charts/io_or_cpu.svg", "results/one/tables/io_or_cpu.md"]
    assert answer.count("\n- ") <= 3
    assert len(answer.splitlines()) < WORDS
    assert answer.endswith(
        "\nMeasured in campaign `2026-11-22T1430-local` (noise floor 0.0%): "
        "[all settings](results/one/tables/io_or_cpu.md).\n"
    )


def test_a_chart_over_the_pool_size_goes_before_that_of_all_ratios(campaign: Campaign, threaded: Cell) -> None:
    pools = [ShownCell(f"pool {size}", "a", ("io_or_cpu",), replace(threaded, poolsize=size)) for size in (1, 5)]
    cells = (*campaign.description.cells, *pools)
    pooled = replace(campaign, description=replace(campaign.description, cells=cells))
    answer = write_answer(summarize_campaign(pooled), "here", "one")
    assert "](one/charts/io_or_cpu~poolsize.svg)" in answer
    assert answer.count("](one/charts/") == 1


def test_a_campaign_without_the_question_has_no_answer(campaign: Campaign) -> None:
    without = replace(campaign, description=replace(campaign.description, experiments=()))
    with pytest.raises(BadInput, match=r"^results/one: no experiment 'io_or_cpu' or 'loaders'"):
        write_answer(summarize_campaign(without), "results/one", "results/one")


def test_only_the_page_of_the_question_has_its_answer(campaign: Campaign) -> None:
    whole = summarize_campaign(campaign)
    (summary,) = whole.experiments
    told = describe_question(summary, whole)
    assert told.startswith(f"{LOADERS}\n\n- ")
    assert "rows/s of threads |" in told
    assert told.endswith(f"\n\n- {NOTE}\n\n")
    assert describe_question(replace(summary, experiment=ShownExperiment("drivers", "Which?")), whole) == ""
    nothing = summarize_campaign(replace(campaign, records=[]))
    assert describe_question(nothing.experiments[0], nothing) == ""
