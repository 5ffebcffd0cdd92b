"""Facts of the question, from the records of a small campaign of three loaders in two settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.queueing.model import model_cells
from experiments.analysis.summary import summarize
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import Connections, Phase, Record
from experiments.report.answer.facts import ASYNCIO, THREADS, UVLOOP, Facts, find_facts, find_question, find_ratios

PACE = (1.0, 1.1, 0.9, 1.05, 0.95, 1.0)
"""What the machine did in each block, to all alike."""

JITTER = (0.002, -0.002, 0.001, -0.001, 0.003, -0.003)
"""What differs by block between entrants, each of which has it at another place."""


def key_of(cell: Cell) -> str:
    return f"{cell.loader} {cell.loop} {cell.poolsize}"


@pytest.fixture
def campaign(
    description: Description, make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell
) -> Campaign:
    """Threads, asyncio and uvloop with 20 connections, threads with one, each with a throughput of its own."""
    rates = {
        threaded: 10_000.0,
        replace(uvloop_cell, loop="asyncio"): 8_000.0,
        uvloop_cell: 9_900.0,
        replace(threaded, poolsize=1): 3_000.0,
    }
    records = [
        make_record(cell, block=block + 1, rows_per_s=rate * pace * (1 + JITTER[block - place]), cell_key=key_of(cell))
        for place, (cell, rate) in enumerate(rates.items())
        for block, pace in enumerate(PACE)
    ]
    records += [replace(record, arm="b") for record in records if record.cell_key == key_of(threaded)]
    shown = [ShownCell(key_of(cell), "a", ("io_or_cpu",), cell) for cell in rates]
    cells = (shown[0], replace(shown[0], arm="b"), *shown[1:])
    matrix = {**description.matrix, "experiments": {"io_or_cpu": {"matrix": {"poolsize": [20, 1]}}}}
    experiments = (ShownExperiment("io_or_cpu", "Which one?"),)
    return Campaign(replace(description, experiments=experiments, cells=cells, matrix=matrix), records)


def facts_of(campaign: Campaign) -> Facts:
    return find_facts(summarize(campaign, campaign.description.experiments[0]), model_cells(campaign))


def with_cells(campaign: Campaign, *cells: ShownCell) -> Campaign:
    return replace(campaign, description=replace(campaign.description, cells=(*campaign.description.cells, *cells)))


def with_records(campaign: Campaign, change: Callable[[Record], Record | None]) -> Campaign:
    changed = (change(record) for record in campaign.records)
    return replace(campaign, records=[record for record in changed if record is not None])


def test_settings_hold_the_loaders_that_ran_in_them(campaign: Campaign) -> None:
    facts = facts_of(campaign)
    first, second = facts.settings
    assert list(first.loaders) == [THREADS, ASYNCIO, UVLOOP]
    assert list(second.loaders) == [THREADS]
    assert (first.axes["poolsize"], second.axes["poolsize"]) == (20, 1)
    assert "loop" not in first.axes
    assert (first.main, second.main) == (True, False)
    assert facts.main is first


def test_ratios_are_to_threads_of_the_same_setting(campaign: Campaign) -> None:
    loaders = facts_of(campaign).settings[0].loaders
    assert loaders[THREADS].ratio is None
    of_asyncio, of_uvloop = loaders[ASYNCIO].ratio, loaders[UVLOOP].ratio
    assert of_asyncio is not None
    assert of_uvloop is not None
    assert of_asyncio.value.value == pytest.approx(0.8, abs=0.003)
    assert of_asyncio.noise is False
    assert of_uvloop.value.value == pytest.approx(0.99, abs=0.003)


def test_throughput_is_compared_with_pgbench_by_block_and_with_copy_by_medians(
    campaign: Campaign, make_record: Callable[..., Record], threaded: Cell
) -> None:
    pgbench = replace(threaded, loader="ceiling_pgbench")
    prepared = replace(pgbench, protocol="prepared")
    copy = replace(threaded, loader="ceiling_copy", poolsize=1)
    elsewhere = replace(pgbench, postgres="memory")
    rates = {pgbench: 8_000.0, prepared: 7_000.0, copy: 90_000.0, elsewhere: 1.0}
    keys = {cell: f"{key_of(cell)} {cell.protocol} {cell.postgres}" for cell in rates}
    runs = [
        make_record(cell, block=block + 1, rows_per_s=rate * pace * (1 + JITTER[block]), cell_key=keys[cell])
        for cell, rate in rates.items()
        for block, pace in enumerate(PACE)
    ]
    shown = [ShownCell(key, "a", ("io_or_cpu",), cell) for cell, key in keys.items()]
    beside = with_cells(replace(campaign, records=[*campaign.records, *runs]), *shown)
    facts = facts_of(beside)
    ratio = facts.settings[0].loaders[THREADS].to_pgbench
    assert ratio is not None
    assert ratio.value.value == pytest.approx(1.25, abs=0.005)
    assert ratio.noise is False
    assert facts.settings[0].loaders[THREADS].ceiling_share == pytest.approx(1.25, abs=0.005)
    assert facts.pgbench_rows_per_s == pytest.approx(8_000, rel=0.01)
    assert facts.copy_rows_per_s == pytest.approx(90_000, rel=0.01)
    assert [list(setting.loaders) for setting in facts.settings] == [[THREADS, ASYNCIO, UVLOOP], [THREADS]]
    alone = facts_of(campaign)
    assert alone.settings[0].loaders[THREADS].to_pgbench is None
    assert (alone.copy_rows_per_s, alone.pgbench_rows_per_s) == (None, None)


def test_ratios_of_one_family_are_corrected_together(campaign: Campaign) -> None:
    """A p value of 0.03 passes by itself, and does not pass among three: 3 x 0.03 = 0.09."""
    threads = [record for record in campaign.records if key_of(record.cell).endswith("None 20")]
    paces = {record.block: record.rows_per_s or 0.0 for record in threads}

    def wobbling(record: Record) -> Record:
        faster = math.exp(0.05 + 0.0373 * (-1) ** record.block)
        return replace(record, rows_per_s=paces[record.block] * faster) if record.cell.loop == "uvloop" else record

    cells = summarize(with_records(campaign, wobbling), campaign.description.experiments[0]).cells
    pair = {THREADS: cells[0], UVLOOP: cells[3]}
    key = cells[3].shown.cell_key
    assert [find_ratios([pair] * size, 1.0)[key].noise for size in (1, 3)] == [False, True]
    assert find_ratios([pair], 2.0)[key].noise is True
    assert find_ratios([pair], None)[key].noise is None


def test_uvloop_is_tested_against_asyncio_in_the_same_family(campaign: Campaign) -> None:
    cells = summarize(campaign, campaign.description.experiments[0]).cells
    asyncio, uvloop = (cell.shown.cell_key for cell in cells[2:4])
    found = find_ratios([{THREADS: cells[0], ASYNCIO: cells[2], UVLOOP: cells[3]}], 1.0)
    assert list(found) == [asyncio, uvloop, f"uvloop to asyncio: {uvloop}"]
    assert found[f"uvloop to asyncio: {uvloop}"].value.value == pytest.approx(9_900 / 8_000, abs=0.003)


def test_the_ratio_to_the_baseline_is_that_of_the_table(campaign: Campaign) -> None:
    alone = facts_of(campaign).settings[1].loaders[THREADS].to_baseline
    assert alone is not None
    assert alone.value.value == pytest.approx(0.3, abs=0.003)


def test_without_a_baseline_among_the_loaders_there_is_no_main_setting(campaign: Campaign) -> None:
    alone = tuple(shown for shown in campaign.description.cells if shown.arm == "a")
    assert facts_of(replace(campaign, description=replace(campaign.description, cells=alone))).main is None


def test_costs_of_older_records_are_those_of_the_whole_run(campaign: Campaign) -> None:
    """Without observations of the phase the server's cost is of the whole run, 1.4 s for 22,300 rows."""
    threads = facts_of(campaign).settings[0].loaders[THREADS]
    assert threads.client_us == pytest.approx(25.0, abs=0.2)
    assert threads.server_us == pytest.approx(1.4e6 / 22_300, rel=0.01)
    assert (threads.bottleneck, threads.client_share, threads.ceiling_share) == (None, None, None)


def test_shares_and_bottleneck_are_those_of_the_summary(campaign: Campaign) -> None:
    def observed(record: Record) -> Record:
        data = (record.phases or {})["data"]
        phases = {"geo": Phase(100, 0.02, 0.01, 0.01), "data": replace(data, server_cpu_s=data.wall_s * 1.96)}
        waits = {"CPU": 0.7, "IO:WalSync": 0.1}
        shares = Connections(samples=9, round_trip_s=5e-5, active=0.8, idle=0.2, idle_in_transaction=0.0, waits=waits)
        return replace(record, phases=phases, connections=shares)

    threads = facts_of(with_records(campaign, observed)).settings[0].loaders[THREADS]
    assert threads.server_share == pytest.approx(0.98)
    assert threads.client_share == pytest.approx(0.25, abs=0.003)
    assert threads.bottleneck == "server-bound"


def test_a_loader_without_a_good_run_is_left_out(campaign: Campaign) -> None:
    def ran(record: Record) -> Record | None:
        return None if record.cell.loop == "asyncio" or record.cell.poolsize == 1 else record

    (only,) = facts_of(with_records(campaign, ran)).settings
    assert list(only.loaders) == [THREADS, UVLOOP]


def test_the_whole_question_goes_before_its_part(description: Description) -> None:
    both = (*description.experiments, ShownExperiment("io_or_cpu", "IO?"))
    chosen = find_question(replace(description, experiments=both))
    assert chosen is not None
    assert chosen.name == "io_or_cpu"
    assert find_question(replace(description, experiments=())) is None
