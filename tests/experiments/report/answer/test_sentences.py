"""The sentences of the answer, from the records of a small campaign."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from experiments.analysis.summary import summarize_campaign
from experiments.analysis.usable_cores import Setup
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.counts import CellCount
from experiments.records.description import Description
from experiments.records.record import Record
from experiments.report.answer.facts import Setting, find_facts
from experiments.report.answer.sentences import (
    say_bottleneck,
    say_capacity,
    say_limit,
    say_neighbour,
    say_pool,
    say_tail,
    say_where,
    write_sentences,
)
from tests.experiments.made_open_loops import open_campaign

Asked = Callable[[Mapping[tuple[str, Cell], float]], Campaign]
WORDS = 25


def with_counts(campaign: Campaign, per_row: Mapping[str, float]) -> Campaign:
    """The campaign with the instructions of a row of these loaders' cells."""
    counts = {
        shown.cell_key: CellCount("c", shown.cell_key, "2026", shown.cell, per_row[shown.cell.loader])
        for shown in campaign.description.cells
        if shown.cell.loader in per_row
    }
    return replace(campaign, counts=counts)


@pytest.fixture
def facts(campaign: Campaign) -> list[Setting]:
    return find_facts(summarize_campaign(campaign))


def test_the_answer_begins_with_the_clean_comparison(facts: list[Setting]) -> None:
    assert write_sentences(facts) == [
        "Same driver, same SQL (psycopg 3): asyncio reaches 1.00x the throughput of threads (95% CI 1.00 to 1.01), "
        "uvloop 1.00x (1.00 to 1.00): no significant difference.",
        "The pair of 2014 (psycopg2 on threads, aiopg): asyncio reaches 0.80x the throughput of threads (95% CI 0.80 "
        "to 0.80), uvloop 1.00x (n.s.) (1.00 to 1.00).",
        "One core of Python could do 48,048 rows/s on threads, 48,200 on asyncio and 48,016 on uvloop (psycopg 3); "
        "measured are 12,012, 12,050 and 12,004.",
        "With 20 connections and durable commits the work is CPU bound in PostgreSQL: PostgreSQL uses 94% of its core, "
        "Python 25%.",
        "Asyncio or uvloop differs significantly from threads in 1 of 1 other setting (PostgreSQL), most uvloop 0.60x "
        "with PostgreSQL `async_commit` (95% CI 0.60 to 0.60).",
        "Python becomes the bottleneck below 0.27 of a core (predicted from CPU per row).",
        "The fastest of 5 and 20 connections on threads: 20 with `default`, 5 with `async_commit` (1.28x of 20, 95% CI "
        "1.28 to 1.28).",
        "A busy neighbour on the cores of Python leaves of the throughput 50% (50% to 50%) on threads and 30% (30% to "
        "30%) on asyncio.",
    ]


def test_each_sentence_can_be_quoted(facts: list[Setting]) -> None:
    for sentence in write_sentences(facts):
        assert len(re.sub(r" \(.*?\)", "", sentence).split()) <= WORDS, sentence


def test_instructions_that_were_counted_go_before_the_capacity(campaign: Campaign) -> None:
    loaders = {"row_by_row_psycopg_threaded": 61_000.0, "row_by_row_psycopg_asyncio": 103_000.0}
    said = say_capacity(find_facts(summarize_campaign(with_counts(campaign, loaders))))
    assert said is not None
    assert said.text.startswith(
        "A row takes 61,000 instructions on threads, 103,000 on asyncio and 103,000 on uvloop: one core of Python "
        "could do 48,048 rows/s on threads, "
    )
    assert said.experiment == "drivers"


def test_sentences_without_their_cells_are_left_out(asked: Asked, threaded: Cell, uvloop_cell: Cell) -> None:
    alone = find_facts(summarize_campaign(asked({("loaders", threaded): 9_000.0})))
    assert [sentence.split(" ")[0] for sentence in write_sentences(alone)] == ["One", "With", "Python"]
    assert write_sentences([]) == []
    pools = {("loaders", replace(threaded, poolsize=pool)): 9_000.0 for pool in (20, 5)}
    facts = find_facts(summarize_campaign(asked(pools)))
    assert (say_where(facts), say_neighbour(facts)) == (None, None)
    unmeasured = [replace(one, points={}) for one in facts]
    assert say_limit(unmeasured) is None


def test_where_nothing_differs_that_is_said_with_the_number_of_settings(
    asked: Asked, threaded: Cell, uvloop_cell: Cell
) -> None:
    cells = [replace(cell, poolsize=pool) for pool in (20, 5, 1) for cell in (threaded, uvloop_cell)]
    said = say_where(find_facts(summarize_campaign(asked({("loaders", cell): 9_000.0 for cell in cells}))))
    assert said is not None
    assert said.text == (
        "Asyncio or uvloop differs significantly from threads in none of 2 other settings (pool size)."
    )


def test_equally_good_pools_are_named_together(asked: Asked, threaded: Cell) -> None:
    cells = [
        replace(threaded, poolsize=pool, postgres=name) for name in ("default", "async_commit") for pool in (20, 5)
    ]
    rates = {("loaders", cell): 9_000.0 - 100 * (cell.poolsize == 5) for cell in cells}
    said = say_pool(find_facts(summarize_campaign(asked(rates))))
    assert said is not None
    assert said.text == "The fastest of 5 and 20 connections on threads: 20 with `default` and `async_commit`."


def test_loaders_with_different_bottlenecks_are_named(facts: list[Setting]) -> None:
    main = next(one for one in facts if one.main)
    (name, cell), *others = main.cells.items()
    assert cell.verdict is not None
    odd = replace(cell, verdict=replace(cell.verdict, label="mixed"))
    said = say_bottleneck([replace(main, cells={name: odd, **dict(others)})])
    assert said is not None
    assert said.text == (
        "With 20 connections and durable commits the bottleneck depends on the loader: threads is mixed and asyncio "
        "and uvloop are server-bound."
    )


@pytest.mark.parametrize(
    ("setup", "cores", "limit"),
    [
        (Setup(server_cores=2), "94% of its cores, ", True),
        (Setup(shared_cores=1), "94% of the cores of both, ", False),
        (Setup(client_quota=0.5), "94% of its core, ", False),
    ],
)
def test_cores_are_those_of_the_setting_and_only_own_whole_ones_have_a_limit(
    facts: list[Setting], setup: Setup, cores: str, *, limit: bool
) -> None:
    main = next(one for one in facts if one.main)
    cells = {
        name: replace(cell, observations=replace(cell.observations, cores=setup))
        for name, cell in main.cells.items()
        if cell.observations
    }
    changed = [replace(main, cells=cells)]
    said = say_bottleneck(changed)
    assert said is not None
    assert cores in said.text
    assert (say_limit(changed) is not None) is limit


def test_an_open_loop_is_compared_by_its_99th_percentile_and_by_no_throughput(
    description: Description, make_record: Callable[..., Record]
) -> None:
    facts = find_facts(summarize_campaign(open_campaign(description, make_record)))
    said = say_tail(facts)
    assert said is not None
    assert said.text == (
        "At 50% load 99% of the lookups are answered within 10.0 ms on threads and 20.0 ms on uvloop (2.00x) "
        "(psycopg2, aiopg)."
    )
    assert write_sentences(facts) == [said.text]


def test_without_an_open_loop_nothing_is_said_of_response_times(asked: Asked) -> None:
    assert say_tail(find_facts(summarize_campaign(asked({})))) is None
