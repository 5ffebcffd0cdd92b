from __future__ import annotations

import csv
import io
from dataclasses import replace

from bigdata.registry import LOADERS
from experiments.validation.same_sql.findings import Finding
from experiments.validation.same_sql.statements import Amount, Entry
from experiments.validation.same_sql.tables import (
    csv_table,
    difference_lines,
    expected_table,
    markdown_page,
    unsupported_lines,
    wire_table,
)
from tests.experiments.made_findings import INSERT_WITH_VALUES, observation, prepared, variant

CLIENT = {"packages": {"aiopg": "1.4.0", "psycopg2": "2.9.13"}, "libpq": 170011}
AIOPG = Finding(
    variant("row_by_row_asyncio", "uvloop"),
    of_driver=(Entry(LOADERS["row_by_row_asyncio"].driver_statements[0].text, 1, 0),),
    observation=observation(INSERT_WITH_VALUES, INSERT_WITH_VALUES),
    client=CLIENT,
)
ASYNCPG = Finding(
    variant("row_by_row_asyncpg", "asyncio", "prepared"),
    observation=observation(*prepared(10)),
    client={"packages": {"asyncpg": "0.32.0"}, "libpq": None},
)
NOT_HERE = [Finding(variant("row_by_row_asyncpg", "rloop", name), unsupported="no | way") for name in ("a", "b")]
ALL = [AIOPG, ASYNCPG, *NOT_HERE]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_golden_ledger_has_the_calls_of_both_ways_of_committing() -> None:
    lines = expected_table(Amount(4, 3, 666)).splitlines()
    assert cells(lines[0]) == ["statement", "calls, autocommit", "calls, per_record", "rows"]
    assert cells(lines[5])[1:] == ["666", "666", "666"]
    assert [cells(line) for line in lines[6:]] == [["`BEGIN`", "–", "7", "0"], ["`COMMIT`", "–", "7", "0"]]  # noqa: RUF001


def test_a_variant_that_ran_has_a_row_with_what_it_sent_for_each_insert() -> None:
    _, _, aiopg, asyncpg = wire_table(ALL, "pipe").splitlines()
    assert cells(aiopg) == [
        *("row_by_row_asyncio", "uvloop", "aiopg", "–", "simple", "Query"),  # noqa: RUF001
        *("90.0", "22.0", "1.00", "1", "SSLRequest"),
    ]
    assert cells(asyncpg)[4:9] == ["prepared", "Bind Execute Sync", "38.7", "22.0", "1.00"]


def test_the_start_up_shows_what_is_particular_to_the_driver() -> None:
    assert AIOPG.observation is not None
    odd = replace(
        AIOPG.observation,
        version=(3, 2),
        parameters={"user": "u", "database": "d", "application_name": "a"},
        farewell=(),
    )
    row = cells(wire_table([replace(AIOPG, observation=odd)], "pipe").splitlines()[2])
    assert row[-1] == "SSLRequest, application_name=a, protocol 3.2, leaves without Terminate"


def test_programs_get_a_row_for_everything_that_was_tried() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(ALL))))
    assert [row["loader"] for row in rows] == ["row_by_row_asyncio", *["row_by_row_asyncpg"] * 3]
    assert [row["unsupported"] for row in rows] == ["", "", "no | way", "no | way"]
    assert rows[0]["bytes_sent_per_insert"] == "90.0"
    assert rows[0]["versions"] == "aiopg 1.4.0, psycopg2 2.9.13, libpq 17.11"
    assert (rows[1]["inserts"], rows[1]["messages_sent_per_insert"]) == ("10", "3.1")
    assert rows[2]["inserts"] == ""


def test_a_reason_is_told_once_with_all_that_it_holds_back() -> None:
    assert unsupported_lines(ALL) == ["no | way (row_by_row_asyncpg, rloop, a; row_by_row_asyncpg, rloop, b)"]


def test_a_difference_is_told_with_the_variant_that_it_is_of() -> None:
    different = replace(AIOPG, differences=("one", "two"))
    assert difference_lines([different, ASYNCPG]) == [
        "row_by_row_asyncio, uvloop, simple: one",
        "row_by_row_asyncio, uvloop, simple: two",
    ]


def test_the_page_has_when_and_where_the_ledger_the_wire_and_what_the_driver_adds_with_the_reason() -> None:
    page = markdown_page(ALL, ["Made today"], Amount(4, 3, 666))
    assert "\n- Made today\n" in page
    assert expected_table(Amount(4, 3, 666)) in page
    assert wire_table(ALL, "pipe") in page
    assert "- row_by_row_asyncio, 1 per connection: `SELECT t.oid, " in page
    assert "`; aiopg looks up the types of hstore when it connects\n" in page
    assert "- aiopg: aiopg 1.4.0, psycopg2 2.9.13, libpq 17.11\n- asyncpg: asyncpg 0.32.0\n" in page
    assert page.endswith("(row_by_row_asyncpg, rloop, a; row_by_row_asyncpg, rloop, b)\n")


def test_the_page_has_a_layers_own_texts_and_what_it_asks_once() -> None:
    core = replace(ASYNCPG, variant=variant("row_by_row_sqlalchemy_orm_asyncio", "asyncio", "prepared"))
    page = markdown_page([core], [], Amount(1, 1, 1))
    assert "- row_by_row_sqlalchemy_orm_asyncio, 1 per process: `select current_schema()`; SQLAlchemy asks" in page
    assert "\n## The layers' own texts\n\n- row_by_row_sqlalchemy_orm_asyncio: every parameter has its type" in page
    assert "VALUES ($1, $2, $3) RETURNING data_element.id`\n" in page
    assert "own texts" not in markdown_page(ALL, [], Amount(1, 1, 1))


def test_where_everything_runs_and_no_driver_adds_anything_the_page_says_so() -> None:
    page = markdown_page([ASYNCPG], [], Amount(1, 1, 1))
    assert "## The drivers' own statements\n\nNone.\n" in page
    assert "Could not run" not in page
