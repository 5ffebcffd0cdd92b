from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from bigdata.database import statements
from bigdata.database.statements import INSERT_ELEMENT, INSERT_GEO, SELECT_GEO_ID, SELECT_ITEM_IDS, pyformat
from bigdata.registry import LOADERS, WORKLOADS, Loader
from experiments.campaign.datasets import AskedOperations
from experiments.validation.same_sql.statements import (
    Amount,
    Entry,
    LogComparison,
    compare,
    expected_log,
    expected_operations,
    own_texts,
    read_log,
    same_text,
    shown,
    workload_of,
)

AMOUNT = Amount(geo_records=4, data_records=3, rows=666)
PLAIN = LOADERS["row_by_row_threaded"]
AIOPG = LOADERS["row_by_row_asyncio"]
CORE, ORM = (LOADERS[f"row_by_row_sqlalchemy_{name}_asyncio"] for name in ("core", "orm"))
PROBES = [Entry(one.text, 1, 1) for one in CORE.driver_statements]
(HSTORE,) = AIOPG.driver_statements


def golden(transaction: str = "autocommit") -> dict[str, Entry]:
    return {entry.text: entry for entry in expected_log(AMOUNT, transaction)}


def test_in_autocommit_the_ledger_has_the_four_statements_of_the_workload() -> None:
    assert expected_log(AMOUNT, "autocommit") == (
        Entry(INSERT_GEO, 4, 4),
        Entry(SELECT_GEO_ID, 3, 3),
        Entry(SELECT_ITEM_IDS, 3, 666),
        Entry(INSERT_ELEMENT, 666, 666),
    )


def test_per_record_it_has_a_begin_and_a_commit_for_every_record_of_both_phases_too() -> None:
    assert expected_log(AMOUNT, "per_record") == (
        *expected_log(AMOUNT, "autocommit"),
        Entry("BEGIN", 7, 0),
        Entry("COMMIT", 7, 0),
    )


def test_entries_of_one_text_are_added_up_as_drivers_with_several_types_of_integers_make_them() -> None:
    rows = [{"text": text, "calls": calls, "rows": 2 * calls} for text, calls in (("b", 3), ("a ;", 1), ("b", 4))]
    assert read_log(json.dumps(rows)) == (Entry("a", 1, 2), Entry("b", 7, 14))


@pytest.mark.parametrize("written", ["BEGIN", "BEGIN;", " BEGIN ; ", "\nBEGIN\n"])
def test_a_semicolon_and_blanks_around_make_no_other_text(written: str) -> None:
    assert same_text(written) == "BEGIN"


def test_a_blank_more_before_a_value_makes_no_other_text() -> None:
    assert same_text("VALUES ($1,  $2)") == "VALUES ($1, $2)"


@pytest.mark.parametrize("written", ["BEGIN ISOLATION LEVEL READ COMMITTED", "begin"])
def test_other_words_make_another_text(written: str) -> None:
    assert same_text(written) != "BEGIN"


@pytest.mark.parametrize("transaction", ["autocommit", "per_record"])
def test_the_golden_ledger_itself_has_no_difference(transaction: str) -> None:
    entries = expected_log(AMOUNT, transaction)
    assert compare(entries, entries, PLAIN) == LogComparison((), ())


def test_a_statement_more_is_named_with_where_it_could_be_allowed() -> None:
    seen = [*golden().values(), Entry("SELECT $1", 5, 5)]
    assert compare(seen, golden().values(), PLAIN).differences == (
        "SELECT $1: 5 calls, but neither workload nor registry has it for this driver",
    )


def test_a_select_less_is_named_with_both_counts() -> None:
    seen = {**golden(), SELECT_GEO_ID: Entry(SELECT_GEO_ID, 2, 2)}
    assert compare(seen.values(), golden().values(), PLAIN).differences == (
        f"{SELECT_GEO_ID}: 2 of 3 calls, 2 of 3 rows",
    )


def test_rows_that_differ_are_named_even_where_the_calls_do_not() -> None:
    seen = {**golden(), INSERT_ELEMENT: Entry(INSERT_ELEMENT, 666, 0)}
    assert compare(seen.values(), golden().values(), PLAIN).differences == (f"{INSERT_ELEMENT}: 0 of 666 rows",)


def test_another_text_is_named_as_one_that_is_missing_and_one_too_many() -> None:
    other = "INSERT INTO data_element (value) VALUES ($1)"
    seen = {**golden(), INSERT_ELEMENT: Entry(other, 666, 666)}
    missing, stranger = compare(seen.values(), golden().values(), PLAIN).differences
    assert missing == f"{INSERT_ELEMENT}: 0 of 666 calls, 0 of 666 rows"
    assert stranger.startswith(f"{other}: 666 calls, but neither")


def test_transactions_where_there_should_be_none_are_named() -> None:
    found = compare(golden("per_record").values(), golden().values(), PLAIN).differences
    assert [line.partition(":")[0] for line in found] == ["BEGIN", "COMMIT"]


def test_what_the_registry_allows_a_driver_is_no_difference_and_is_given_back() -> None:
    own = Entry(HSTORE.text, 1, 0)
    assert compare([*golden().values(), own], golden().values(), AIOPG) == LogComparison((), (own,))


def test_it_is_one_for_another_driver() -> None:
    own = Entry(HSTORE.text, 1, 0)
    assert len(compare([*golden().values(), own], golden().values(), PLAIN).differences) == 1


@pytest.mark.parametrize(("calls", "connections"), [(0, 1), (2, 1), (1, 2)])
def test_it_is_one_for_the_driver_too_where_the_count_per_connection_is_another(calls: int, connections: int) -> None:
    seen = [*golden().values(), *([Entry(HSTORE.text, calls, 0)] if calls else [])]
    (found,) = compare(seen, golden().values(), AIOPG, connections).differences
    assert found == f"{shown(HSTORE.text)}: {calls} calls, but the registry has {connections} for this driver"


def test_driver_statements_are_compared_as_texts_are() -> None:
    loader = replace(PLAIN, driver_statements=(replace(HSTORE, text="SELECT  1;"),))
    assert compare([*golden().values(), Entry("SELECT 1", 1, 1)], golden().values(), loader).differences == ()


def seen_of(loader: Loader, transaction: str) -> list[Entry]:
    """The log as a layer's loader leaves it: in its own words, with a cast of each parameter."""
    own = own_texts(loader)
    entries = [replace(entry, text=own.get(entry.text, entry.text)) for entry in golden(transaction).values()]
    return [replace(entry, text=re.sub(r"(\$\d+)", r"\1::NUMERIC(9, 6)", entry.text)) for entry in entries]


@pytest.mark.parametrize("loader", [CORE, ORM], ids=["core", "orm"])
def test_a_layers_own_texts_are_no_difference_and_what_it_asks_first_is_given_back(loader: Loader) -> None:
    found = compare([*seen_of(loader, "autocommit"), *PROBES], golden().values(), loader)
    assert found == LogComparison((), tuple(PROBES))


def test_plain_texts_and_those_of_another_layer_are_differences() -> None:
    core, orm = seen_of(CORE, "autocommit"), seen_of(ORM, "autocommit")
    for seen, loader in ((golden().values(), CORE), (core, ORM), (orm, CORE), (orm, PLAIN)):
        assert compare([*seen, *PROBES], golden().values(), loader).differences != ()


def test_without_autocommit_what_a_layer_asks_first_is_a_transaction_that_is_rolled_back() -> None:
    expected = golden("per_record").values()
    seen = {entry.text: entry for entry in [*seen_of(CORE, "per_record"), *PROBES, Entry("ROLLBACK", 1, 0)]}
    assert compare(seen.values(), expected, CORE).differences == ("BEGIN: 7 of 8 calls",)
    seen["BEGIN"] = Entry("BEGIN", 8, 0)
    assert compare(seen.values(), expected, CORE).differences == ()


@pytest.mark.parametrize("loader", [CORE, ORM], ids=["core", "orm"])
def test_a_layers_statement_on_the_wire_is_known_with_and_without_its_values(loader: Loader) -> None:
    for text, own in own_texts(loader).items():
        assert workload_of(own) == text
        assert workload_of(re.sub(r"(\$\d+)", r"\1::VARCHAR", own.replace(" FROM", " \nFROM"))) == text
        assert workload_of(re.sub(r"\$\d+", "7", own)) == text


@pytest.mark.parametrize("text", [INSERT_GEO, SELECT_GEO_ID, SELECT_ITEM_IDS, INSERT_ELEMENT])
def test_a_statement_on_the_wire_is_known_with_and_without_its_values(text: str) -> None:
    count = pyformat(text).count("%s")
    assert workload_of(text) == text
    assert workload_of(pyformat(text) % (("'it''s $1'",) * count)) == text


@pytest.mark.parametrize("text", ["BEGIN", "", "INSERT INTO data_element (value) VALUES ($1)", f"{INSERT_ELEMENT}x"])
def test_what_is_not_of_the_workload_is_not_taken_for_it(text: str) -> None:
    assert workload_of(text) is None


def test_a_long_text_is_shown_by_its_beginning() -> None:
    assert shown("x" * 100) == "x" * 100
    assert shown("x" * 101) == "x" * 100 + "..."


def test_the_log_of_a_workload_has_its_statements_for_each_operation() -> None:
    asked = AskedOperations(operations=80, checked=20, rows=80 * 222, answers=f"{20 * 222}:7", digest="")
    assert expected_operations(asked, WORKLOADS["fetch"]) == (Entry(statements.SELECT_ELEMENTS, 100, 22_200),)
    assert expected_operations(replace(asked, rows=80, answers=None), WORKLOADS["transaction"]) == (
        Entry(statements.LOCK_GEO, 100, 100),
        Entry(statements.UPDATE_GEO, 100, 100),
        Entry(INSERT_ELEMENT, 100, 100),
        Entry("BEGIN", 100, 0),
        Entry("COMMIT", 100, 0),
    )


@pytest.mark.parametrize("name", ["SELECT_GEO", "SELECT_ELEMENTS", "LOCK_GEO", "UPDATE_GEO", "SLEEP"])
def test_a_statement_of_another_workload_is_known_with_values_and_without(name: str) -> None:
    text = getattr(statements, name)
    assert workload_of(text) == text
    assert workload_of(statements.with_values(text, "'a'", "'b'", "'c'")) == text
