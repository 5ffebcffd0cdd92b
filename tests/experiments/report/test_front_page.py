from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.summary import summarize_campaign
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description
from experiments.records.record import Host, Record
from experiments.report.front_page import campaign_page, describe_headline, timed_share, write_index, write_readme
from tests.experiments.made_campaigns import measured

PAGE = """\
# 2026-11-22T1430-local

- [loaders](tables/loaders.md): Is asyncio faster than threads?

![Chart of loaders: Is asyncio faster than threads? The ratio of rows per second to the baseline with its 95% \
interval, a line for each row; the numbers are in the table](charts/loaders.svg)

## How it was measured

- Machine: A Processor (x86_64), virtual machine
- Cores: 3 used of 4
- Memory: 8.0 GiB
- System: Debian 12, kernel Linux 6.1
- File system of the servers on disk: ext4
- Cores `split`: loader on core 0, server on cores 1-2
- Python `3.13`: CPython 3.13.0; aiopg 1.4.0, psycopg2 2.9.11
- PostgreSQL `default`: 17.11 on disk; `max_connections=30`
- Data `ny`: 100 geo records, 100 data records, 22,200 rows to insert; digest `geo:100:1;data:22200:2`
- Campaign: `2026-11-22T1430-local`, started 2026-11-22T14:30:02Z, engine local
- Commit: 0123abc
- matrix.yaml: sha256:m
- Chosen: profile smoke; only loop=asyncio,uvloop and python=3.13; experiments loaders
- Order: 6 blocks, each shuffled; seed 2014
- Bounds: [upper bounds of either side](tables/model.md)
- Duration: 6 s, 79% of it inside timed phases
- Harness: Python 3.11.2, rich 13.9
"""


@pytest.fixture
def campaign(
    description: Description, make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell
) -> Campaign:
    return Campaign(description, [make_record(threaded), make_record(uvloop_cell)])


def test_a_campaigns_page_says_how_it_was_measured(campaign: Campaign) -> None:
    assert campaign_page(summarize_campaign(campaign)) == PAGE
    again = replace(campaign, description=replace(campaign.description, reproduces="2026-11-22T1430-local"))
    line = "\n- Reproduces: `2026-11-22T1430-local`: [which of its numbers are reproduced](reproduced.md)\n"
    assert line in campaign_page(summarize_campaign(again))


def test_the_local_page_has_the_newest_campaign_and_lists_the_others(
    description: Description, campaign: Campaign
) -> None:
    others = [
        Campaign(replace(description, campaign="old"), []),
        Campaign(replace(description, campaign="killed"), [], missing=5),
    ]
    text = write_readme(summarize_campaign(campaign), others)
    assert "## loaders\n\nIs asyncio faster than threads?\n\n**Noise floor: not known**" in text
    assert text.endswith(
        "\nMachine, versions and commit: [2026-11-22T1430-local](2026-11-22T1430-local/README.md).\n"
        "\n## Other campaigns\n\n- [old](old/README.md): loaders; 6 blocks\n"
        "- killed: loaders; 6 blocks; unfinished, 5 runs left\n"
    )


def test_reproductions_stand_apart_with_the_pages_of_their_verdicts(
    description: Description, campaign: Campaign
) -> None:
    others = [
        Campaign(replace(description, campaign="again", reproduces="old"), []),
        Campaign(replace(description, campaign="once more", reproduces="old"), [], missing=5),
    ]
    assert write_readme(summarize_campaign(campaign), others).endswith(
        "## Other campaigns\n\nNone.\n\n## Reproductions\n\n"
        "- [again](again/reproduced.md): reproduces `old`; loaders; 6 blocks\n"
        "- once more: reproduces `old`; loaders; 6 blocks; unfinished, 5 runs left\n"
    )


def test_a_campaign_that_was_killed_between_blocks_that_are_added_is_unfinished(
    description: Description, campaign: Campaign
) -> None:
    until = {"precision": 0.05, "budget_s": 1800.0}
    killed = Campaign(replace(description, campaign="killed", until=until), [])
    ended = Campaign(replace(description, campaign="ended", until={**until, "ended": "budget"}), [])
    assert write_readme(summarize_campaign(campaign), [killed, ended]).endswith(
        "- killed: loaders; 6 blocks; unfinished, more blocks may follow\n"
        "- [ended](ended/README.md): loaders; 6 blocks\n"
    )


def test_the_headline_of_a_disturbed_campaign_claims_nothing(
    description: Description, make_record: Callable[..., Record]
) -> None:
    busy = Host(observed_s=1.0, cores=2, foreign_cpu_s=0.7, run_foreign_cpu_s=0.7)
    asked = measured(description, make_record, {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2})
    disturbed = replace(asked, records=[replace(record, host=busy) for record in asked.records])
    said = describe_headline(summarize_campaign(disturbed))
    assert said == "loaders: nothing is claimed, as something else disturbed the runs."


def test_the_index_has_a_table_for_each_machine_with_a_headline_for_each_campaign(
    description: Description, make_record: Callable[..., Record]
) -> None:
    ratios = {"row_by_row_threaded": 1.0, "again": 1.01, "row_by_row_asyncio": 1.2}
    asked = measured(description, make_record, ratios)
    gevent = replace(description.cells[2], cell=replace(description.cells[2].cell, loader="row_by_row_gevent"))
    other = measured(description, make_record, ratios, cells=(*description.cells[:2], gevent))
    none = Campaign(description, [])
    elsewhere = replace(asked, description=replace(asked.description, engine="docker"))
    name = "2026-11-22T1430-local"
    start = f"| [{name}](published/{name}/README.md) | 3.13.0 |"
    headline = "The pair of 2014 (psycopg2 on threads, aiopg): uvloop reaches 1.20x the throughput of threads"
    said = f"{start} 2.0% | 0.0% | {headline} (95% CI 1.18 to 1.22). |"
    page = write_index([summarize_campaign(one) for one in (asked, elsewhere, other, none)], "published")
    assert [line for line in page.splitlines() if line.startswith(("## ", "| ["))] == [
        "## A Processor, 3 cores, local",
        said,
        f"{start} 2.0% | 0.0% | loaders: 1 of 1 ratio significant. |",
        f"{start} – | 0.0% | loaders: nothing is called different, as intervals need 5 blocks. |",  # noqa: RUF001
        "## A Processor, 3 cores, docker",
        said,
    ]


def test_the_share_of_timed_phases_is_of_the_whole_runs(make_record: Callable[..., Record]) -> None:
    records = [make_record(rows_per_s=11_100.0, wall_s=2.5), make_record(rows_per_s=22_200.0, wall_s=1.5)]
    assert timed_share(records) == pytest.approx((2.02 + 1.02) / 4)
    assert timed_share([]) is None
