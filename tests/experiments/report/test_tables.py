# ruff: noqa: E501, RUF001 - the texts are as wide as tables are
from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.analysis.summary import in_matrix_order, summarize_campaign
from experiments.matrix.cell import Cell
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownCell
from experiments.records.record import Host, Record
from experiments.report.effects import describe_effects
from experiments.report.tables import cells_table, csv_table, markdown_table, terminal_table
from tests.experiments.made_summaries import modelled, summed


@pytest.fixture
def records(
    threaded: Cell,
    uvloop_cell: Cell,
    make_record: Callable[..., Record],
    make_failure: Callable[..., Record],
) -> list[Record]:
    """6 blocks: the baseline drifts by 1% per block and its second arm stays within 1% of it."""
    made = [make_record(threaded, block=block, rows_per_s=10_000.0 * 1.01**block) for block in range(1, 7)]
    wobble = {1: 1.01, 2: 0.99, 3: 1.01, 4: 0.99, 5: 1.01, 6: 0.99}
    made += [
        make_record(threaded, arm="b", block=block, rows_per_s=10_000.0 * 1.01**block * wobble[block])
        for block in range(1, 7)
    ]
    made += [
        make_record(uvloop_cell, block=block, rows_per_s=14_000.0 * 1.01**block * wobble[block])
        for block in range(1, 6)
    ]
    made.append(make_failure(uvloop_cell, block=6, status="failed", reason="interrupted", interrupted=True))
    made.append(make_failure(uvloop_cell, block=6, status="wrong_work", reason="rows: 22199 of 22200"))
    return made


GOLDEN_MARKDOWN = """\
Is asyncio faster than threads?

**Noise floor: 1.2%** (6 blocks; the baseline against itself). n.s. = not significant: no clear difference from the baseline.

| loader             |     rows/s (95% interval) |   client capacity (95% interval) |   ratio (95% interval) |   client CPU µs/row |   client's cores |     ok | note                                         |
|:-------------------|--------------------------:|---------------------------------:|-----------------------:|--------------------:|-----------------:|-------:|:---------------------------------------------|
| psycopg2 · threads | 10,355 (10,100 to 10,615) |        41,416 (40,401 to 42,461) |                      1 |                24.1 |              25% | 6 of 6 | baseline                                     |
| psycopg2 · threads | 10,354 (10,099 to 10,615) |        41,415 (40,396 to 42,461) |    1.00 (0.99 to 1.01) |                24.1 |              25% | 6 of 6 | the baseline again                           |
| aiopg · uvloop     |                    14,423 |                           57,690 |    1.40 (1.38 to 1.42) |                17.3 |              25% | 5 of 6 | 1 wrong_work: rows: 22199 of 22200           |
| aiopg · asyncio    |                         – |                                – |                      – |                   – |                – |      – | cannot run: no wheel of aiopg \\| none at all |

- The same in all rows: engine local, Python 3.13, protocol simple, pool size 20, PostgreSQL default, data ny, transaction autocommit, inserts execute, cores split, sampling on.
- Cores: split: loader on core 0, server on cores 1-2.
- PostgreSQL: default: 17.11 on disk, synchronous_commit=off.
- Ratios are means of the blocks' ratios on the logarithmic scale (of ten blocks or more without the outermost tenth at either end), not the quotients of the medians.
- *client capacity*: the rows/s that one core of Python could do if it never waited: 1 / (CPU time per row). Where it is far above the measured rows/s, a faster driver loads no faster.
- Intervals: 95%, each for itself, over the blocks. A ratio is n.s. (not significant) within the noise floor, or where it does not differ significantly from 1 (at 5%).
- Run status: 18 planned, 18 run (0 resumed): 17 ok, 1 wrong_work, 0 failed, 0 timed out. Unsupported cells: 1. Interrupted attempts: 1.
- 1 run wrong_work: rows: 22199 of 22200.
- 1 cell cannot run: no wheel of aiopg | none at all.
- Disturbed runs: 0 of 18 (more than 2% of the CPU time stolen; other processes on 0.15 of the run's cores, or on 25% of the others; throttled 2% of the time though the row sets no limit; a single thread waiting for its core 5% of the time; or client and server both needing 25% more CPU time per row than usual for it).
"""


def test_a_table_reads_like_this(description: Description, records: list[Record]) -> None:
    assert markdown_table(*summed(description, records, description.experiments[0])) == GOLDEN_MARKDOWN


GOLDEN_CSV = """\
experiment,engine,python,gil,loader,loop,protocol,implementation,poolsize,postgres,data,transaction,inserts,resources,sampling,workload,packages,network,arrivals,checkout,arm,baseline,planned,ok,failed,timeout,wrong_work,unsupported,interrupted,resumed,repeated,disturbed,disturbed_ground,unit,rows_per_s,rows_per_s_low,rows_per_s_high,ratio,ratio_low,ratio_high,ratio_p,ratio_p_holm,not_told_apart,cpu_us_per_row,client_share,throttled_share,client_capacity_rows_per_s,client_capacity_rows_per_s_low,client_capacity_rows_per_s_high,instructions_per_row,instructions_ratio,instructions_noise,instructions_tool,system_calls_per_row,count_reason,free_threaded,gil_enabled,optimized,lto,jit,switch_interval_s,libpq,libpq_bundled,driver_implementation,record_latency_p50_s,record_latency_p95_s,record_latency_p99_s,rows_per_worker_smallest,rows_per_worker_largest,client_peak_memory_bytes,voluntary_switches_per_row,involuntary_switches_per_row,verdict,ceiling_share,server_cpu_us_per_row,client_user_us_per_row,client_system_us_per_row,client_run_queue_us_per_row,server_run_queue_us_per_row,commit_wait_us_per_row,other_wait_us_per_row,round_trip_us_per_row,queueing_us_per_row,server_share,run_share,foreign_share,active,idle,idle_in_transaction,waits,looks,bound_client_rows_per_s,bound_server_rows_per_s,bound_cores_rows_per_s,bound_pool_rows_per_s,lowest_bound,predicted_rows_per_s,prediction_error,prediction_fitted,prediction_broken,note
loaders,local,3.13,,row_by_row_threaded,,simple,,20,default,ny,autocommit,execute,split,on,ingest,locked,loopback,closed,per_worker,a,1,6,6,0,0,0,0,0,0,0,0,0,row,10354.5,10100.0,10615.2,,,,,,,24.145,0.25,,41416.4,40400.8,42461.0,,,,,,,,1,1,,,,170011,,,,,,,,41000000,0.4286,0.002523,,,,,,,,,,,,,,,,,,,,41416.4,31857.1,,,server,,,,,baseline
loaders,local,3.13,,row_by_row_threaded,,simple,,20,default,ny,autocommit,execute,split,on,ingest,locked,loopback,closed,per_worker,b,0,6,6,0,0,0,0,0,0,0,0,0,row,10354.0,10099.0,10615.2,0.9999,0.9885,1.0115,0.992,,,24.146,0.25,,41414.7,40395.9,42461.0,,,,,,,,1,1,,,,170011,,,,,,,,41000000,0.4286,0.002523,,,,,,,,,,,,,,,,,,,,,,,,,,,,,the baseline again
loaders,local,3.13,,row_by_row_asyncio,uvloop,simple,,20,default,ny,autocommit,execute,split,on,ingest,locked,loopback,closed,per_worker,a,0,6,5,0,0,1,0,1,0,0,0,0,row,14422.8,,,1.4027,1.3838,1.4219,2.63e-07,2.63e-07,0,17.334,0.25,,57690.1,,,,,,,,,,1,1,,,,170011,,,,,,,,41000000,0.4286,0.002523,,,,,,,,,,,,,,,,,,,,57690.1,31857.1,,,server,,,,,1 wrong_work: rows: 22199 of 22200
loaders,local,3.13,,row_by_row_asyncio,asyncio,simple,,20,default,ny,autocommit,execute,split,on,ingest,locked,loopback,closed,per_worker,a,0,0,0,0,0,0,1,0,0,0,0,0,row,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,cannot run: no wheel of aiopg | none at all
"""


def test_its_csv_reads_like_this(description: Description, records: list[Record]) -> None:
    assert csv_table(*modelled(description, records, description.experiments[0])) == GOLDEN_CSV


GOLDEN_TERMINAL = """\
Is asyncio faster than threads?
Noise floor: 1.2% (6 blocks; the baseline against itself). n.s. = not significant: no clear difference from the baseline.

loader              rows/s  ratio (95% interval)  CPU µs/row   ok  note
------------------  ------  --------------------  ----------  ---  -------------------------------------------
psycopg2 · threads  10,355                     1        24.1  6/6  baseline
psycopg2 · threads  10,354   1.00 (0.99 to 1.01)        24.1  6/6  the baseline again
aiopg · uvloop      14,423   1.40 (1.38 to 1.42)        17.3  5/6  1 wrong_work: rows: 22199 of 22200
aiopg · asyncio          –                     –           –    –  cannot run: no wheel of aiopg | none at all

- Ratios are means of the blocks' ratios on the logarithmic scale (of ten blocks or more without the outermost tenth at either end), not the quotients of the medians.
- Run status: 18 planned, 18 run (0 resumed): 17 ok, 1 wrong_work, 0 failed, 0 timed out. Unsupported cells: 1. Interrupted attempts: 1.
- 1 run wrong_work: rows: 22199 of 22200.
- 1 cell cannot run: no wheel of aiopg | none at all.
- Disturbed runs: 0 of 18 (more than 2% of the CPU time stolen; other processes on 0.15 of the run's cores, or on 25% of the others; throttled 2% of the time though the row sets no limit; a single thread waiting for its core 5% of the time; or client and server both needing 25% more CPU time per row than usual for it).
"""


def test_in_a_terminal_it_is_narrower(description: Description, records: list[Record]) -> None:
    assert terminal_table(*summed(description, records, description.experiments[0])) == GOLDEN_TERMINAL


def test_a_result_within_the_noise_is_marked(
    description: Description, records: list[Record], uvloop_cell: Cell
) -> None:
    slower = [
        replace(record, rows_per_s=(record.rows_per_s or 0) / 1.4)
        if record.cell.loader == uvloop_cell.loader and record.status == "ok"
        else record
        for record in records
    ]
    assert "| 1.00 (0.99 to 1.02) n.s. |" in markdown_table(*summed(description, slower, description.experiments[0]))


def many_ratios(
    description: Description, make_record: Callable[..., Record], threaded: Cell, rates: list[float]
) -> tuple[Description, list[Record]]:
    """The baseline against itself within 0.1%, and cells of other pools at these rates, each with 2% of noise."""
    noise = {1: 0.98, 2: 1.02, 3: 0.98, 4: 1.02, 5: 0.98, 6: 1.02}
    again = {1: 0.999, 2: 1.001, 3: 0.999, 4: 1.001, 5: 0.999, 6: 1.001}
    shown, records = list(description.cells[:2]), []
    for block in noise:
        records += [make_record(block=block), make_record(arm="b", block=block, rows_per_s=10_000.0 * again[block])]
    for number, rate in enumerate(rates):
        cell = replace(threaded, poolsize=100 + number)
        shown.append(ShownCell(f"sha256:{number}", "a", ("loaders",), cell))
        records += [
            make_record(cell, cell_key=f"sha256:{number}", block=block, rows_per_s=rate * factor)
            for block, factor in noise.items()
        ]
    return replace(description, cells=tuple(shown)), records


def test_marks_are_corrected_for_the_number_of_ratios(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    # 3% faster: its own interval leaves out 1, and among 20 ratios that must happen to one by chance.
    one = many_ratios(description, make_record, threaded, [10_300.0])
    many = many_ratios(description, make_record, threaded, [10_300.0, *[10_000.0] * 19])
    alone, among_many = (markdown_table(*summed(*made, description.experiments[0])) for made in (one, many))
    assert "|    1.03 (1.01 to 1.05) |" in alone
    assert "| 1.03 (1.01 to 1.05) n.s. |" in among_many
    assert "Holm" not in alone
    assert (
        "does not differ significantly from 1 (at 5%, by Holm's correction for the 20 ratios of this table: a row "
        "can be n.s. although its own interval leaves out 1).\n"
    ) in among_many


def test_the_csv_has_p_values_before_and_after_the_correction(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    made = many_ratios(description, make_record, threaded, [10_300.0, *[10_000.0] * 19])
    rows = list(csv.DictReader(io.StringIO(csv_table(*modelled(*made, description.experiments[0])))))
    assert [(row["ratio_p"] != "", row["ratio_p_holm"] != "") for row in rows[:3]] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    assert float(rows[2]["ratio_p_holm"]) == pytest.approx(20 * float(rows[2]["ratio_p"]), rel=0.01)
    assert [row["not_told_apart"] for row in rows[:3]] == ["", "", "1"]


def test_what_matters_stands_below_where_axes_are_crossed(
    description: Description, make_record: Callable[..., Record], threaded: Cell, uvloop_cell: Cell
) -> None:
    cells = [replace(cell, poolsize=size) for cell in (threaded, uvloop_cell) for size in (5, 20)]
    shown = tuple(ShownCell(f"sha256:{number}", "a", ("loaders",), cell) for number, cell in enumerate(cells))
    records = [
        make_record(cell, cell_key=one.cell_key, block=block, rows_per_s=cell.poolsize * (500.0 + block))
        for block in range(1, 7)
        for one, cell in zip(shown, cells, strict=True)
    ]
    crossed = replace(description, cells=shown)
    effects = describe_effects(*summed(crossed, records, description.experiments[0]))
    assert effects is not None
    text = markdown_table(*summed(crossed, records, description.experiments[0]))
    assert text.endswith(f"than usual for it).\n\n**What matters**\n\n{effects.strip()}\n")
    one_axis = replace(description, cells=shown[:2])
    assert "What matters" not in markdown_table(*summed(one_axis, records, description.experiments[0]))


@pytest.mark.parametrize(("disturbed", "said"), [(1, False), (2, True)])
def test_a_row_of_which_more_than_a_fifth_was_disturbed_says_so(
    disturbed: int, said: bool, description: Description, make_record: Callable[..., Record]
) -> None:
    host = Host(steal_s=0.0, foreign_cpu_s=0.8, observed_s=2.0)
    records = [make_record(block=block, **({"host": host} if block <= disturbed else {})) for block in range(1, 6)]
    text = markdown_table(*summed(replace(description, repeats=5), records, description.experiments[0]))
    note = f"baseline; {disturbed} of 5 runs disturbed: foreign load of up to 0.4 cores |"
    assert (note in text) == said
    assert ("**Disturbed: nothing is claimed**" in text) == said
    assert f"- Disturbed runs: {disturbed} of 5 (more than" in text
    row = next(csv.DictReader(io.StringIO(csv_table(*modelled(description, records, description.experiments[0])))))
    assert (row["disturbed"], row["disturbed_ground"]) == (str(disturbed), str(int(said)))


def test_reasons_are_short_in_a_row_and_whole_in_the_csv(
    description: Description, make_failure: Callable[..., Record]
) -> None:
    long = "run: " + "the server is gone, " * 10 + "in the end"
    records = [make_failure(block=block, status="failed", reason=f"{long} {block}") for block in (1, 2)]
    text = markdown_table(*summed(description, records, description.experiments[0]))
    row = next(line for line in text.splitlines() if "| baseline" in line)
    assert "| baseline; 2 failed, such as: run: the server is gone, the server is gone" in row
    assert "in the end" not in row
    whole = csv_table(*modelled(description, records, description.experiments[0]))
    assert f"1 failed: {long} 1; 1 failed: {long} 2" in whole


def test_with_few_blocks_there_are_no_intervals_and_nothing_is_marked(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    one_block = replace(description, repeats=1)
    records = [make_record(threaded), make_record(threaded, arm="b")]
    text = markdown_table(*summed(one_block, records, description.experiments[0]))
    assert "\n\n**Noise floor: not known** (1 block; intervals need 5): nothing is called different.\n\n|" in text
    assert "≈" not in text
    assert " to " not in text.split("\n\n")[2].split("\n", 1)[1]


def test_the_csv_claims_nothing_where_nothing_is_claimed(
    description: Description, make_record: Callable[..., Record], uvloop_cell: Cell
) -> None:
    one_block = [make_record(), make_record(arm="b"), make_record(uvloop_cell, rows_per_s=20_000.0)]
    text = csv_table(*modelled(replace(description, repeats=1), one_block, description.experiments[0]))
    assert [row["not_told_apart"] for row in csv.DictReader(io.StringIO(text))] == ["", "", "", ""]


def test_rows_are_sorted_by_the_axes_from_left_to_right_as_the_matrix_lists_their_values(
    description: Description, threaded: Cell, uvloop_cell: Cell
) -> None:
    lists = {"postgres": ["default", "memory"], "python": ["3.9", "3.13"]}
    cells = [
        replace(cell, python=python, postgres=postgres)
        for postgres in ("memory", "default")
        for python in ("3.13", "3.9")
        for cell in (threaded, uvloop_cell)
    ]
    shown = tuple(ShownCell(f"sha256:{number}", "a", ("loaders",), cell) for number, cell in enumerate(cells))
    matrix = {**description.matrix, "experiments": {"loaders": {"matrix": lists}}}
    ordered = in_matrix_order(replace(description, cells=shown, matrix=matrix), description.experiments[0])
    assert [(one.cell.python, one.cell.postgres, one.cell.loop) for one in ordered] == [
        ("3.9", "default", None),
        ("3.9", "default", "uvloop"),
        ("3.9", "memory", None),
        ("3.9", "memory", "uvloop"),
        ("3.13", "default", None),
        ("3.13", "default", "uvloop"),
        ("3.13", "memory", None),
        ("3.13", "memory", "uvloop"),
    ]


def test_a_table_of_blocks_until_intervals_are_narrow_says_so(description: Description, records: list[Record]) -> None:
    until = {"precision": 0.05, "budget_s": 1800.0, "ended": "precise"}
    experiment = description.experiments[0]
    line = "- 6 blocks: until the interval of every ratio reached at most 5% from it; widest interval: "
    assert line in markdown_table(*summed(replace(description, until=until), records, experiment))
    assert "6 blocks: until" not in markdown_table(*summed(description, records, experiment))


def test_runs_that_are_still_to_come_are_named(description: Description) -> None:
    text = markdown_table(*summed(description, [], description.experiments[0]))
    assert "| baseline; not run: blocks 1-6 " in text
    assert "- Not run: 18 runs of 3 rows, whose notes name the blocks. The campaign has not ended.\n" in text


def test_a_limited_loader_is_shown_with_the_share_of_time_it_was_throttled(
    description: Description, make_record: Callable[..., Record]
) -> None:
    records = []
    for block, throttled_s in ((1, 0.4), (2, 0.8), (3, 0.6)):
        record = make_record(block=block)
        assert record.phases is not None
        data = replace(record.phases["data"], wall_s=1.0, throttled_periods=9, throttled_s=throttled_s)
        records.append(replace(record, phases={**record.phases, "data": data}))
    assert "baseline; throttled 60% of the time" in markdown_table(
        *summed(description, records, description.experiments[0])
    )


def test_a_table_of_another_workload_counts_operations(
    description: Description, make_record: Callable[..., Record], threaded: Cell
) -> None:
    cell = replace(threaded, workload="fetch")
    key = description.cells[0].cell_key
    shown = tuple(replace(one, cell=cell) for one in description.cells if one.cell_key == key)
    record = make_record(cell, operations_per_s=45.0, cpu_us_per_operation=5_550.0)
    assert record.phases is not None
    phases = {"data": replace(record.phases["data"], operations=100)}
    records = [replace(record, phases=phases, block=block, arm=arm) for block in range(1, 7) for arm in ("a", "b")]
    text = markdown_table(*summed(replace(description, cells=shown), records, description.experiments[0]))
    assert "| loader" in text
    assert "operations/s (95% interval)" in text
    assert "client CPU µs/operation" in text
    assert "rows/s" not in text
    assert "5550.0 |" in text
    assert "It returns 222 rows, so that rates in rows are so many times higher." in text


def test_the_cells_of_all_campaigns_are_the_rows_of_each_with_its_keys_in_front(
    description: Description, records: list[Record]
) -> None:
    one = summarize_campaign(Campaign(description, records))
    other = summarize_campaign(Campaign(replace(description, campaign="other"), []))
    text = cells_table([one, other])
    rows = list(csv.DictReader(io.StringIO(text)))
    own = csv_table(*modelled(description, records, description.experiments[0])).splitlines()
    assert text.splitlines()[:2] == [
        f"campaign,cell_key,{own[0]}",
        f"{description.campaign},{one.experiments[0].cells[0].shown.cell_key},{own[1]}",
    ]
    assert [row["campaign"] for row in rows] == [description.campaign] * 4 + ["other"] * 4
    assert cells_table([]) == "\n"


def test_a_column_that_only_some_rows_have_is_empty_in_the_others_and_before_the_note(
    description: Description, records: list[Record]
) -> None:
    closed = summarize_campaign(Campaign(description, records))
    cells = tuple(replace(one, cell=replace(one.cell, arrivals="100/s")) for one in description.cells)
    opened = summarize_campaign(Campaign(replace(description, cells=cells), []))
    header, *rows = csv.reader(io.StringIO(cells_table([closed, opened])))
    assert header[-1] == "note"
    assert {row[header.index("offered_per_s")] for row in rows[:4]} == {""}
