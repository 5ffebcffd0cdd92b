from __future__ import annotations

import pytest

from bigdata.database.statements import INSERT_ELEMENT
from bigdata.registry import LOADERS
from experiments.validation.same_sql.conversation import Conversation
from experiments.validation.same_sql.findings import (
    differences_of_choice,
    differences_of_start_up,
    observe,
    variants,
)
from tests.experiments.made_findings import (
    INSERT_WITH_VALUES,
    SYNC,
    conversation,
    observation,
    prepared,
    variant,
)
from tests.experiments.validation.wire_bytes import parse, query, start_up


def test_a_loader_is_examined_in_every_way_that_it_has() -> None:
    found = list(variants([LOADERS["row_by_row_serial"], LOADERS["row_by_row_psycopg_asyncio"]]))
    assert found[0] == variant("row_by_row_serial")
    assert [(one.loop, one.implementation, one.protocol) for one in found[1:] if not one.pooled] == [
        (loop, implementation, protocol)
        for loop in ("asyncio", "uvloop")
        for implementation in ("binary", "c", "python")
        for protocol in ("prepared", "extended", "simple")
    ]


def test_a_pool_is_examined_with_the_first_implementation_and_loads_nothing() -> None:
    found = [
        one for one in variants([LOADERS["row_by_row_psycopg_asyncio"], LOADERS["row_by_row_gevent"]]) if one.pooled
    ]
    assert [(one.loop, one.implementation, one.protocol) for one in found] == [
        (loop, "binary", protocol) for loop in ("asyncio", "uvloop") for protocol in ("prepared", "extended", "simple")
    ]
    assert {one.ways for one in found} == {()}
    assert found[0].name == "row_by_row_psycopg_asyncio, asyncio, binary, prepared, per_operation"
    assert found[0].arguments[-2:] == ["--checkout", "per_operation"]


def test_a_variant_is_chosen_by_the_options_that_apply() -> None:
    assert variant("row_by_row_serial").arguments == ["row_by_row_serial", "--protocol", "simple"]
    chosen = variant("row_by_row_psycopg_asyncio", "uvloop", "extended", "python")
    assert " ".join(chosen.arguments) == (
        "row_by_row_psycopg_asyncio --loop uvloop --protocol extended --implementation python"
    )
    assert chosen.name == "row_by_row_psycopg_asyncio, uvloop, python, extended"


def test_executemany_is_examined_where_the_driver_and_the_protocol_have_it() -> None:
    both = (("autocommit", "execute"), ("per_record", "execute"))
    many = (*both, ("autocommit", "executemany"), ("per_record", "executemany"))
    assert variant("row_by_row_asyncpg", "uvloop", "prepared").ways == both
    assert variant("row_by_row_threaded").ways == many
    assert variant("row_by_row_psycopg_threaded", None, "prepared", "binary").ways == many
    assert variant("row_by_row_psycopg_threaded", None, "simple", "binary").ways == both


def test_only_inserts_of_data_elements_are_counted_per_insert() -> None:
    seen = observation(query("BEGIN"), INSERT_WITH_VALUES, INSERT_WITH_VALUES, query("COMMIT"))
    assert (seen.inserts.executions, seen.inserts.sent_bytes) == (2, 2 * len(INSERT_WITH_VALUES))
    assert seen.inserts.protocol == "simple"


def test_what_prepares_the_statement_counts_too() -> None:
    seen = observation(parse("s", INSERT_ELEMENT) + SYNC, *prepared(11)[1:])
    assert (seen.inserts.executions, seen.inserts.round_trips) == (10, 11)
    assert seen.inserts.protocol == "prepared"


def test_the_introduction_and_the_farewell_are_kept() -> None:
    seen = observe(conversation(words=("user", "u", "application_name", "a")))
    assert seen is not None
    assert (seen.requests, seen.version) == (("SSLRequest",), (3, 0))
    assert seen.parameters == {"user": "u", "application_name": "a"}
    assert seen.farewell == ("Terminate",)


def test_a_connection_that_broke_off_is_no_observation() -> None:
    broken = Conversation()
    broken.send(start_up("user", "u"))
    assert observe(broken) is None


def test_what_was_asked_for_and_found_is_no_difference() -> None:
    chosen = variant("row_by_row_psycopg_threaded", None, "prepared", "binary")
    assert differences_of_choice(chosen, "prepared", {"driver_implementation": "binary"}) == []
    assert differences_of_choice(variant("row_by_row_serial"), "simple", {}) == []


def test_another_protocol_or_implementation_is_named() -> None:
    chosen = variant("row_by_row_psycopg_threaded", None, "prepared", "binary")
    assert differences_of_choice(chosen, "extended", {"driver_implementation": "python"}) == [
        "protocol: prepared was asked for, but it is extended",
        "implementation: binary was asked for, but it is python",
    ]


@pytest.mark.parametrize("encoding", ["UTF8", "'utf-8'", "utf8"])
def test_user_database_and_utf_8_are_all_that_a_start_up_may_ask_for(encoding: str) -> None:
    assert differences_of_start_up({"user": "u", "database": "d", "client_encoding": encoding}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("options", "-c synchronous_commit=off"), ("synchronous_commit", "off"), ("client_encoding", "LATIN1")],
)
def test_a_setting_that_a_start_up_asks_for_is_named(name: str, value: str) -> None:
    assert differences_of_start_up({"user": "u", name: value}) == [
        f"start-up: the client asks for {name}={value}, which may change what the server does for it"
    ]
