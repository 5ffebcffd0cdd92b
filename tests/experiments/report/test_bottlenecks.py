# ruff: noqa: E501 - the texts are as wide as tables are
from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.time_breakdown import PARTS
from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record
from experiments.report.bottlenecks import PART_NAMES, why_section
from experiments.report.tables import csv_table, markdown_table
from tests.experiments.made_observed import SPLIT, observed
from tests.experiments.made_summaries import modelled, summed


@pytest.fixture
def records(threaded: Cell, uvloop_cell: Cell, make_record: Callable[..., Record]) -> list[Record]:
    """3 blocks: threads whose server is busy, uvloop that waits for commits."""
    made = [observed(make_record(threaded, arm=arm, block=n), server=0.97) for n in (1, 2, 3) for arm in ("a", "b")]
    waits = {"CPU": 0.2, "IO:WalSync": 0.15, "LWLock:WALWrite": 0.45, "LWLock:WALInsert": 0.01}
    cores = (0.3, 0.1)
    return made + [
        observed(make_record(uvloop_cell, block=n, rows_per_s=5_000.0), server=0.6, waits=waits, cores=cores)
        for n in (1, 2, 3)
    ]


GOLDEN = """\
| loader             |   client, user |   client, system |   server CPU |   commit |   other waits |   round trips |   queueing |     sum |   client's cores |   server's cores |   active |   idle | waits for                           |
|:-------------------|---------------:|-----------------:|-------------:|---------:|--------------:|--------------:|-----------:|--------:|-----------------:|-----------------:|---------:|-------:|:------------------------------------|
| psycopg2 · threads |           20.0 |              5.0 |         97.0 |    400.0 |           0.0 |         100.9 |    1,377.1 | 2,000.0 |              25% |              97% |      70% |    30% | IO:WalSync 15%, LWLock:WALWrite 5%  |
| aiopg · uvloop     |           60.0 |             20.0 |        120.0 |  2,400.0 |          40.0 |         100.9 |    1,259.1 | 4,000.0 |              40% |              60% |      81% |    19% | LWLock:WALWrite 45%, IO:WalSync 15% |

- psycopg2 · threads: **server-bound**. The server is the limit: the client used 25% of the one core it can use; the server 97% of its one core; on average 14 of its 20 connections were active, 3.0 in IO:WalSync.
- aiopg · uvloop: **commit-bound**. Waiting for commits is the limit, 60% of the connections' time: the client used 40% of the one core it can use; the server 60% of its one core; on average 16 of its 20 connections were active, 9.0 in LWLock:WALWrite; the server's one core could do at most 1.67 times as much.
- What each bottleneck means, and its thresholds: `experiments/analysis/verdict.py`.
"""


@pytest.fixture
def split(description: Description) -> Description:
    """The campaign with one core for either side."""
    placements = {"split": SPLIT}
    return replace(description, repeats=3, placements=placements)


def test_the_section_reads_like_this(split: Description, records: list[Record]) -> None:
    text = why_section(*summed(split, records, split.experiments[0]))
    assert text.startswith("## Bottleneck analysis\n\nWhere the time of a worker goes, in µs per row")
    assert "sampled 50 times in a run, at least 150 times in all runs of a row." in text
    assert text[text.index("| loader") :] == GOLDEN


def test_a_campaign_that_nobody_observed_has_no_section_and_its_table_no_column_of_it(
    description: Description, make_record: Callable[..., Record]
) -> None:
    old = [make_record(block=block) for block in (1, 2, 3)]
    assert why_section(*summed(description, old, description.experiments[0])) == ""
    table = markdown_table(*summed(description, old, description.experiments[0]))
    assert "bottleneck" not in table
    assert "of upper bound" not in table


def test_rows_with_the_server_s_cpu_alone_have_a_verdict_and_no_bar(split: Description, records: list[Record]) -> None:
    unwatched = [replace(record, connections=None, ledger_us_per_row=None) for record in records]
    text = why_section(*summed(split, unwatched, split.experiments[0]))
    assert "| loader" not in text
    assert "**server-bound**" in text
    assert "commit-bound" not in text
    assert "connections were sampled" not in text


def test_the_table_of_the_experiment_has_the_verdicts(split: Description, records: list[Record]) -> None:
    table = markdown_table(*summed(split, records, split.experiments[0]))
    row = next(line for line in table.splitlines() if "uvloop" in line)
    assert "commit-bound" in row
    assert "*bottleneck*: what limits the row" in table
    assert "*of upper bound*" not in table


def test_the_csv_has_the_ledger_the_verdict_and_the_connections(split: Description, records: list[Record]) -> None:
    row = list(csv.DictReader(io.StringIO(csv_table(*modelled(split, records, split.experiments[0])))))[2]
    assert (row["client_run_queue_us_per_row"], row["server_run_queue_us_per_row"]) == ("", "")
    parts = {part: float(row[f"{part}_us_per_row"]) for part in PARTS if not part.endswith("run_queue")}
    assert sum(parts.values()) == pytest.approx(4000, abs=0.01)
    assert parts["commit_wait"] == pytest.approx(2400)
    assert (row["verdict"], row["server_share"], row["run_share"]) == ("commit-bound", "0.6", "0.5")
    assert (row["active"], row["idle"], row["idle_in_transaction"]) == ("0.81", "0.19", "0.0")
    assert row["waits"] == "LWLock:WALWrite=0.45 CPU=0.2 IO:WalSync=0.15 LWLock:WALInsert=0.01"
    assert (row["ceiling_share"], row["looks"]) == ("", "150")


def test_the_foot_counts_the_runs_that_were_to_be_watched_and_were_not(
    split: Description, records: list[Record]
) -> None:
    asked = [replace(record, cell=replace(record.cell, sampling="on")) for record in records]
    blind = [replace(record, connections=None, ledger_us_per_row=None) for record in asked[:2]]
    said = "Connections were not sampled in 2 of 9 runs that were ok; samples.jsonl says why."
    assert said in markdown_table(*summed(split, [*blind, *asked[2:]], split.experiments[0]))
    assert "Connections were not sampled" not in markdown_table(*summed(split, asked, split.experiments[0]))
    assert "Connections were not sampled" not in markdown_table(
        *summed(split, [*blind[:0], *records], split.experiments[0])
    )


def test_the_baseline_s_second_arm_is_no_row_of_its_own(split: Description, records: list[Record]) -> None:
    text = why_section(*summed(split, records, split.experiments[0]))
    assert text.count("| psycopg2 · threads") == 1


def test_a_cell_without_result_has_no_row(split: Description, records: list[Record]) -> None:
    nothing = ShownCell("sha256:none", "a", ("loaders",), records[0].cell, "no wheel")
    described = replace(split, cells=(*split.cells, nothing))
    assert why_section(*summed(described, records, split.experiments[0])).count("| psycopg2 · threads") == 1


def test_every_part_has_a_name() -> None:
    assert tuple(PART_NAMES) == PARTS


def test_transactions_that_wait_for_their_client_have_a_column_where_there_are_any(
    split: Description, records: list[Record]
) -> None:
    assert "idle in transaction" not in why_section(*summed(split, records, split.experiments[0]))
    waiting = [observed(record, waits={"CPU": 0.25}, idle_in_transaction=0.5) for record in records]
    text = why_section(*summed(split, waiting, split.experiments[0]))
    row = next(line for line in text.splitlines() if line.startswith("| psycopg2 · threads"))
    assert [one.strip() for one in row.split("|")[-5:-2]] == ["25%", "25%", "50%"]


def test_a_ceiling_has_a_row_in_the_ledger_and_no_verdict(
    split: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    ceiling = replace(threaded, loader="ceiling_pgbench")
    shown = ShownCell("sha256:ceiling", "a", ("loaders",), ceiling)
    run = replace(observed(make_record(), server=0.97), cell=ceiling, cell_key="sha256:ceiling")
    text = why_section(*summed(replace(split, cells=(shown,)), [run], split.experiments[0]))
    assert "| pgbench" in text
    assert "70% |" in text
    assert "**" not in text
