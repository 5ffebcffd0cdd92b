"""What the answer is made of, from the records of a small campaign of three entrants in two settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.stats import Estimate
from experiments.analysis.summary import summarize
from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.record import Phase, Record
from experiments.report.answer.facts import (
    ASYNCIO,
    THREADS,
    UVLOOP,
    Contest,
    Entrant,
    Facts,
    find_facts,
    gather_cells,
    mark_ratios,
    sync_share,
)

PACE = (1.0, 1.1, 0.9, 1.05, 0.95, 1.0)
"""What the machine did in each block, to all alike."""

JITTER = (0.002, -0.002, 0.001, -0.001, 0.003, -0.003)
"""What differs by block between entrants, each of which has it at another place."""


def key_of(cell: Cell) -> str:
    return f"{cell.loader} {cell.loop} {cell.poolsize}"


@pytest.fixture
def campaign(
    description: Description, make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell
) -> tuple[Description, list[Record]]:
    """Threads, asyncio and uvloop with 20 connections, threads with one, each with a rate of its own."""
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
    return replace(description, experiments=experiments, cells=cells, matrix=matrix), records


def facts_of(campaign: tuple[Description, list[Record]]) -> Facts:
    description, records = campaign
    return find_facts(description, records, summarize(description, records, description.experiments[0]))


def test_settings_hold_those_who_ran_in_them(campaign: tuple[Description, list[Record]]) -> None:
    first, second = facts_of(campaign).contests
    assert list(first.entrants) == [THREADS, ASYNCIO, UVLOOP]
    assert list(second.entrants) == [THREADS]
    assert (first.setting["poolsize"], second.setting["poolsize"]) == (20, 1)
    assert "loop" not in first.setting
    assert (first.main, second.main) == (True, False)


def test_ratios_are_to_threads_of_the_same_setting(campaign: tuple[Description, list[Record]]) -> None:
    entrants = facts_of(campaign).contests[0].entrants
    assert entrants[THREADS].ratio is None
    of_asyncio, of_uvloop = entrants[ASYNCIO].ratio, entrants[UVLOOP].ratio
    assert of_asyncio is not None
    assert of_uvloop is not None
    assert of_asyncio.value == pytest.approx(0.8, abs=0.003)
    assert (entrants[ASYNCIO].noise, entrants[THREADS].noise) == (False, None)
    assert of_uvloop.value == pytest.approx(0.99, abs=0.003)


def test_the_loops_are_compared_with_each_other(campaign: tuple[Description, list[Record]]) -> None:
    first, second = facts_of(campaign).contests
    assert first.loops is not None
    assert first.loops.value == pytest.approx(9_900 / 8_000, abs=0.003)
    assert first.loops_noise is False
    assert (second.loops, second.loops_noise) == (None, None)


def test_rows_and_disturbed_runs_are_told_of_who_had_them(campaign: tuple[Description, list[Record]]) -> None:
    found = facts_of(campaign)
    assert found.rows == 22_200
    assert {one.disturbed for one in found.contests[0].entrants.values()} == {0.0}
    assert facts_of((campaign[0], [])).rows is None


def test_the_ceiling_is_compared_with_block_by_block(
    campaign: tuple[Description, list[Record]], make_record: Callable[..., Record], threaded: Cell
) -> None:
    description, records = campaign
    ceiling = replace(threaded, loader="ceiling_pgbench")
    shown = ShownCell(key_of(ceiling), "a", ("io_or_cpu",), ceiling)
    runs = [
        make_record(ceiling, block=block + 1, rows_per_s=8_000.0 * pace * (1 + JITTER[block]), cell_key=key_of(ceiling))
        for block, pace in enumerate(PACE)
    ]
    beside = replace(description, cells=(*description.cells, shown))
    entrants = facts_of((beside, [*records, *runs])).contests[0].entrants
    ratio = entrants[THREADS].to_ceiling
    assert ratio is not None
    assert ratio.value == pytest.approx(1.25, abs=0.005)
    assert entrants[THREADS].to_ceiling_noise is False
    assert facts_of(campaign).contests[0].entrants[THREADS].to_ceiling is None


def test_waiting_for_the_disk_is_not_waiting_for_who_writes_the_log() -> None:
    assert sync_share({"IO:WALSync": 0.04, "IO:WalWrite": 0.01, "LWLock:WALWrite": 0.7, "CPU": 0.1}) == pytest.approx(
        0.05
    )


def test_the_cpu_time_of_a_row_is_compared_by_block_too(campaign: tuple[Description, list[Record]]) -> None:
    description, records = campaign

    def costing(record: Record) -> Record:
        """A third more than threads in each block, whatever the machine did to both."""
        factor = 4 / 3 + JITTER[record.block - 1] if record.cell.loop == "asyncio" else 1.0
        return replace(record, cpu_us_per_row=20.0 * factor / PACE[record.block - 1])

    entrants = facts_of((description, [costing(record) for record in records])).contests[0].entrants
    more = entrants[ASYNCIO].cpu_ratio
    assert more is not None
    assert more.low is not None
    assert more.high is not None
    assert more.value == pytest.approx(4 / 3, abs=0.003)
    # Far narrower than what the machine did.
    assert more.high - more.low < 0.01
    assert entrants[THREADS].cpu_ratio is None


def test_a_block_without_a_good_run_of_both_is_in_no_ratio_of_costs(
    campaign: tuple[Description, list[Record]],
) -> None:
    description, records = campaign
    failed = [
        replace(record, status="failed", reason="why", cpu_us_per_row=1000.0)
        if record.block == 1 and record.cell.loop == "asyncio"
        else record
        for record in records
    ]
    more = facts_of((description, failed)).contests[0].entrants[ASYNCIO].cpu_ratio
    assert more is not None
    assert more.value < 2


def test_ratios_of_the_baselines_setting_are_a_family_of_their_own() -> None:
    """A p value of 0.02 passes by itself, and does not pass among three: 3 x 0.02 = 0.06."""
    ratio = Estimate(0.5, 0.4, 0.6, 0.02)
    asked = Contest({}, {ASYNCIO: Entrant(Estimate(1.0), ratio=ratio), THREADS: Entrant(Estimate(2.0))}, main=True)
    others = [replace(asked, main=False) for _ in range(3)]
    first, *rest = mark_ratios([asked, *others], 1.1)
    assert first.entrants[ASYNCIO].noise is False
    assert [one.entrants[ASYNCIO].noise for one in rest] == [True, True, True]
    assert [one.main for one in mark_ratios([*others, asked], 1.1)] == [False, False, False, True]


def test_the_baseline_is_named(campaign: tuple[Description, list[Record]]) -> None:
    description, records = campaign
    assert facts_of(campaign).baseline == THREADS
    moved = tuple(
        replace(shown, arm="b") if "asyncio asyncio" in shown.cell_key else shown
        for shown in description.cells
        if shown.arm == "a"
    )
    again = next(shown for shown in description.cells if "asyncio asyncio" in shown.cell_key)
    assert facts_of((replace(description, cells=(*moved, again)), records)).baseline == ASYNCIO
    alone = tuple(shown for shown in description.cells if shown.arm == "a")
    assert facts_of((replace(description, cells=alone), records)).baseline is None


def test_what_is_compared_with_the_baseline_has_the_tables_ratio(campaign: tuple[Description, list[Record]]) -> None:
    alone = facts_of(campaign).contests[1].entrants[THREADS].to_baseline
    assert alone is not None
    assert alone.value == pytest.approx(0.3, abs=0.003)


def test_costs_are_those_of_old_records_too(campaign: tuple[Description, list[Record]]) -> None:
    """Without what is observed in the phase: the server's cost is of the whole run, 1.4 s for 22,300 rows."""
    threads = facts_of(campaign).contests[0].entrants[THREADS]
    assert threads.client_us == pytest.approx(25.0, abs=0.2)
    assert threads.server_us == pytest.approx(1.4e6 / 22_300, rel=0.01)
    assert threads.client_share == pytest.approx(0.25, abs=0.003)
    assert threads.server_share == pytest.approx(10_000 * 1.4 / 22_300 / 2, rel=0.02)
    assert (threads.label, threads.active, threads.commit_wait, threads.ceiling_share) == (None, None, None, None)


def test_observations_and_verdict_are_taken_over(campaign: tuple[Description, list[Record]]) -> None:
    description, records = campaign

    def observed(record: Record) -> Record:
        data = (record.phases or {})["data"]
        phases = {"geo": Phase(100, 0.02, 0.01, 0.01), "data": replace(data, server_cpu_s=data.wall_s * 1.96)}
        states = {"samples": 9, "interval_s": 0.02, "round_trip_s": 5e-5, "idle_in_transaction": 0.0}
        waits = {"CPU": 0.7, "IO:WalSync": 0.1}
        return replace(record, phases=phases, connections={**states, "active": 0.8, "idle": 0.2, "waits": waits})

    threads = facts_of((description, [observed(record) for record in records])).contests[0].entrants[THREADS]
    assert (threads.active, threads.idle, threads.in_transaction) == (0.8, 0.2, 0.0)
    assert threads.commit_wait == pytest.approx(0.1)
    assert threads.server_share == pytest.approx(0.98)
    assert threads.label == "server-bound"


def test_who_has_no_good_run_is_no_entrant(campaign: tuple[Description, list[Record]]) -> None:
    description, records = campaign
    left = [record for record in records if record.cell.loop != "asyncio" and record.cell.poolsize == 20]
    (only,) = facts_of((description, left)).contests
    assert list(only.entrants) == [THREADS, UVLOOP]
    assert only.loops is None


def test_why_cells_cannot_run_is_told_once(campaign: tuple[Description, list[Record]]) -> None:
    description, records = campaign
    some = description.cells[-1]
    pods = [
        replace(some, cell_key=name, cell=replace(some.cell, resources=name), unsupported="why not")
        for name in ("pod_0.25", "pod_0.5")
    ]
    facts = facts_of((replace(description, cells=(*description.cells, *pods)), records))
    assert facts.not_run == ("why not",)
    assert len(facts.contests) == 2


@pytest.mark.parametrize("name", ["ceiling_pgbench", "ceiling_copy", "ceiling_psql_file"])
def test_ceilings_are_kept_with_their_settings(
    campaign: tuple[Description, list[Record]], make_record: Callable[..., Record], threaded: Cell, name: str
) -> None:
    description, records = campaign
    ceiling = replace(threaded, loader=name)
    shown = ShownCell("top", "a", ("io_or_cpu",), ceiling)
    tops = [make_record(ceiling, block=block, rows_per_s=12_000.0, cell_key="top") for block in range(1, 7)]
    facts = facts_of((replace(description, cells=(*description.cells, shown)), [*records, *tops]))
    assert facts.ceilings == {name: ((shown.cell, 12_000.0),)}
    assert [list(contest.entrants) for contest in facts.contests] == [[THREADS, ASYNCIO, UVLOOP], [THREADS]]


def test_cells_of_other_experiments_are_gathered_where_they_say_something_of_the_question(
    campaign: tuple[Description, list[Record]], threaded: Cell, uvloop_cell: Cell
) -> None:
    description, _ = campaign
    baseline = next(shown for shown in description.cells if shown.arm == "b")

    def other(key: str, cell: Cell, experiments: tuple[str, ...] = ("pools",)) -> ShownCell:
        return ShownCell(key, "a", experiments, cell)

    elsewhere = [
        other("another pool", replace(uvloop_cell, poolsize=50)),
        other("another server", replace(threaded, postgres="memory")),
        other("a ceiling", replace(threaded, loader="ceiling_copy", poolsize=1)),
        other("another loader", replace(threaded, loader="row_by_row_gevent")),
        other("another Python", replace(threaded, python="3.9")),
        other("not watched", replace(threaded, poolsize=5, sampling="off")),
        other("another baseline", replace(threaded, poolsize=7), ("pods",)),
    ]
    shared = replace(baseline, experiments=("io_or_cpu", "pools"))
    cells = tuple(shared if shown is baseline else shown for shown in description.cells)
    gathered = gather_cells(replace(description, cells=(*cells, *elsewhere)), description.experiments[0])
    added = [shown.cell_key for shown in gathered.cells if "io_or_cpu" in shown.experiments][len(cells) :]
    assert added == ["another pool", "another server", "a ceiling"]


def test_without_a_baseline_nothing_is_gathered(campaign: tuple[Description, list[Record]]) -> None:
    description, _ = campaign
    alone = replace(description, cells=tuple(shown for shown in description.cells if shown.arm == "a"))
    assert gather_cells(alone, description.experiments[0]) == alone
