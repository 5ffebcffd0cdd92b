"""Operations are drawn alike everywhere, and what they come to follows from the files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bigdata.census.answers import digest_rows
from bigdata.census.digest_files import digest_of
from bigdata.census.digest_operations import digest_operations
from bigdata.census.operations import draw_operations
from bigdata.census.sf1 import Key
from bigdata.census.source import Source, open_source
from bigdata.registry import FETCH, LOOKUP, OPERATING, USUAL_POOLSIZE, WAIT, WORKLOADS, Workload
from tests.bigdata import loader_program as program

TRANSACTION = WORKLOADS["transaction"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return open_source(program.generate(tmp_path_factory.mktemp("files"), records=7))


def test_the_keys_are_the_same_in_every_version_of_the_program(source: Source) -> None:
    drawn = draw_operations(source, LOOKUP, 4)
    assert (len(drawn.checked), len(drawn.timed)) == (100, 700)
    assert drawn.checked[:3] == [Key("uSF1", "RI", f"000000{number}") for number in (3, 3, 7)]
    # One sequence for all, of which each takes what it needs.
    assert draw_operations(source, WAIT, 4).timed == drawn.timed[:140]


def test_an_open_loop_has_the_keys_of_a_closed_one_five_times(source: Source) -> None:
    closed, opened = (draw_operations(source, LOOKUP, 4, is_open=is_open) for is_open in (False, True))
    assert (opened.checked, opened.timed) == (closed.checked, closed.timed * 5)
    digest = digest_operations(source, TRANSACTION, digest_of(source), 4, is_open=True)
    assert (digest.operations, digest.checked, digest.rows) == (5 * 280, 100, 5 * 280)
    # Each of them leaves an element.
    assert f"data:{7 * 222 + 100 + 5 * 280}:" in digest.digest


def test_the_keys_are_those_of_the_geo_records(source: Source) -> None:
    known = {Key(record.fileid, record.stusab, record.logrecno) for record in source.geo_records()}
    assert {*draw_operations(source, LOOKUP, 4).timed} == known


@pytest.mark.parametrize(("workload", "rows"), [(LOOKUP, 1), (FETCH, 222), (TRANSACTION, 1), (WAIT, 1)])
def test_an_operation_returns_as_many_rows(workload: Workload, rows: int, source: Source) -> None:
    drawn = draw_operations(source, workload, 4)
    assert {drawn.rows_of(key) for key in drawn.timed} == {rows}


def test_a_record_that_a_segment_leaves_out_has_fewer_rows(tmp_path: Path) -> None:
    source = open_source(program.generate(tmp_path, segments="02,12", records=40))
    elements = sum(len(record.values) for record in source.data_records())
    rows_of = draw_operations(source, FETCH, 4).rows_of
    of_keys = {key: rows_of(key) for key in draw_operations(source, LOOKUP, 4).timed}
    assert len(set(of_keys.values())) == 2
    assert sum(of_keys.values()) == elements


@pytest.mark.parametrize(
    ("poolsize", "operations"),
    [
        (1, [10_000, 4_000, 4_000, 2_000]),
        (USUAL_POOLSIZE, [10_000, 4_000, 4_000, 2_000]),
        (200, [10_000, 8_000, 8_000, 8_000]),
        (1_000, [40_000, 40_000, 40_000, 40_000]),
    ],
)
def test_there_are_operations_for_a_hundred_records_and_forty_for_each_connection(
    poolsize: int, operations: list[int]
) -> None:
    assert [workload.operations(1_000_000, poolsize) for workload in OPERATING.values()] == operations


def test_the_digest_of_operations_counts_all_rows(source: Source) -> None:
    work = digest_of(source)
    digests = {name: digest_operations(source, workload, work, 4) for name, workload in OPERATING.items()}
    assert [(one.operations, one.checked, one.rows) for one in digests.values()] == [
        (700, 100, 700),
        (280, 100, 280 * 222),
        (280, 100, 280),
        (140, 100, 140),
    ]
    answered = [one.answers.partition(":")[0] if one.answers else None for one in digests.values()]
    assert answered == ["100", "22200", None, "100"]


def test_only_a_transaction_changes_the_tables(source: Source) -> None:
    work = digest_of(source)
    digests = {name: digest_operations(source, workload, work, 4).digest for name, workload in OPERATING.items()}
    assert {name for name, digest in digests.items() if digest != work.digest} == {"transaction"}
    assert digests["transaction"].startswith("geo:7:")
    assert f";data:{7 * 222 + 380}:" in digests["transaction"]


@pytest.mark.parametrize("other", [["12", None], [12, ""], [Decimal(12), None], [12, None, None], [None, 12]])
def test_a_row_with_other_values_or_types_has_another_digest(other: list[object]) -> None:
    assert digest_rows([other]) != digest_rows([[12, None]])


def test_a_digest_of_rows_does_not_depend_on_their_order_or_kind() -> None:
    rows = [("a", 1, Decimal("1.50")), ("b", 2, None)]
    assert digest_rows(rows) == digest_rows([list(row) for row in reversed(rows)])
    assert digest_rows([(Decimal("1E+2"),)]) == digest_rows([(Decimal(100),)])
