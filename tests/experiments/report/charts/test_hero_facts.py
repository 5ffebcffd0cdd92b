from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.summary import ExperimentSummary
from experiments.records.campaign import Campaign
from experiments.records.description import ShownExperiment
from experiments.report.charts.hero_facts import NO_WAIT, WAITS, find_hero, say_cost

Question = Callable[[float], tuple[ExperimentSummary, Campaign]]


def test_each_client_has_a_line_for_each_kind_of_commit_and_both_sides_costs(question: Question) -> None:
    summary, campaign = question(1.0)
    hero = find_hero(campaign.description, summary)
    assert hero is not None
    assert [(one.name, one.is_bound) for one in hero.clients] == [
        ("psycopg2 · threads", False),
        ("aiopg · uvloop", False),
        ("pgbench", True),
    ]
    assert hero.pools == [1, 5, 20]
    threads, _, pgbench = hero.clients
    rates = {kind: [round(by_pool[pool].value, -2) for pool in (1, 5, 20)] for kind, by_pool in threads.rates.items()}
    assert rates == {WAITS: [4_000, 8_000, 10_000], NO_WAIT: [8_000, 16_000, 20_000]}
    assert threads.cpu_us == pytest.approx((25.0, 94.0), rel=0.05)
    assert pgbench.cpu_us is None
    assert hero.beside == "20 connections, durable commit"
    assert hero.cost.startswith("PostgreSQL uses 3.")


@pytest.mark.parametrize(
    ("factor", "title"),
    [
        (1.0, "All clients hit the same ceiling: PostgreSQL's core"),
        (0.5, "uvloop differs most from threads: 0.50x the rows/s"),
    ],
)
def test_its_title_says_what_limits_all_or_who_differs_most(question: Question, factor: float, title: str) -> None:
    summary, campaign = question(factor)
    hero = find_hero(campaign.description, summary)
    assert hero is not None
    assert hero.limit == title


def test_a_ceiling_is_claimed_only_where_the_bottleneck_is_known(question: Question) -> None:
    summary, campaign = question(1.0)
    cells = tuple(replace(cell, verdict=None) for cell in summary.cells)
    hero = find_hero(campaign.description, replace(summary, cells=cells))
    assert hero is not None
    assert hero.limit == "No client differs significantly from threads"


def test_without_the_question_three_pools_or_costs_there_is_none(question: Question) -> None:
    summary, campaign = question(1.0)
    few = tuple(cell for cell in summary.cells if cell.shown.cell.poolsize != 1)
    free = tuple(replace(cell, cpu_us_per_row=None) for cell in summary.cells)
    others = (
        replace(summary, experiment=ShownExperiment("other", "?")),
        replace(summary, cells=few),
        replace(summary, cells=free),
    )
    assert [find_hero(campaign.description, other) for other in others] == [None, None, None]


def test_costs_are_compared_as_a_span() -> None:
    assert say_cost([(10.0, 30.0), (20.0, 50.0)]) == "PostgreSQL uses 2.5 to 3.0x Python's CPU time"
