from __future__ import annotations

from collections import Counter

import pytest

from experiments.validation.same_sql.conversation import Conversation, Exchange, Traffic, traffic_of
from tests.experiments.validation.wire_bytes import (
    GSSENC_REQUEST,
    SSL_REQUEST,
    bind,
    close,
    describe,
    parse,
    query,
    start_up,
    typed,
)

READY = typed(b"Z", b"I")
DONE = typed(b"C", b"INSERT 0 1\0")
SYNC = typed(b"S")
EXECUTE = typed(b"E", b"\0\0\0\0\0")


def started() -> Conversation:
    conversation = Conversation()
    conversation.send(start_up("user", "u", "client_encoding", "UTF8"))
    conversation.receive(typed(b"R", b"\0\0\0\0") + READY)
    return conversation


def talk(*turns: tuple[bytes, bytes]) -> list[Exchange]:
    conversation = started()
    for sent, received in turns:
        conversation.send(sent)
        conversation.receive(received)
    return conversation.exchanges


def test_the_start_up_is_an_exchange_of_its_own_with_a_wait_for_every_answer() -> None:
    conversation = Conversation()
    conversation.send(SSL_REQUEST)
    conversation.receive(b"N")
    conversation.send(GSSENC_REQUEST)
    conversation.receive(b"N")
    conversation.send(start_up("user", "u", "database", "d", "client_encoding", "UTF8"))
    conversation.receive(typed(b"R", b"\0\0\0\x0a"))
    conversation.send(typed(b"p", b"secret\0"))
    conversation.receive(typed(b"R", b"\0\0\0\0") + READY)
    assert conversation.start_up.requests == ["SSLRequest", "GSSENCRequest"]
    assert conversation.start_up.version == (3, 0)
    assert conversation.start_up.parameters == {"user": "u", "database": "d", "client_encoding": "UTF8"}
    assert conversation.starting is not None
    assert conversation.starting.round_trips == 4
    assert conversation.starting.received == ["answer", "answer", "R", "R", "Z"]
    assert conversation.exchanges == []


def test_a_connection_that_breaks_off_while_it_is_made_has_no_start_up() -> None:
    conversation = Conversation()
    conversation.send(start_up("user", "u"))
    conversation.receive(typed(b"E", b"FATAL\0"))
    assert conversation.starting is None


def test_a_query_is_one_round_trip_with_all_the_bytes_of_both_ways() -> None:
    (exchange,) = talk((query("SELECT 1"), typed(b"T") + typed(b"D") + DONE + READY))
    assert exchange == Exchange(["Query"], ["T", "D", "C", "Z"], 14, 5 + 5 + 16 + 6, 1, ["SELECT 1"])
    assert exchange.executions == 1


def test_an_answer_that_comes_in_parts_is_waited_for_once() -> None:
    conversation = started()
    conversation.send(query("SELECT 1"))
    for byte in typed(b"T") + DONE + READY:
        conversation.receive(bytes([byte]))
    assert [exchange.round_trips for exchange in conversation.exchanges] == [1]


def test_a_statement_that_was_prepared_before_is_known_by_its_name() -> None:
    found = talk(
        (parse("s1", "INSERT a") + describe("s1") + SYNC, typed(b"1") + READY),
        (bind("s1") + EXECUTE + SYNC, typed(b"2") + DONE + READY),
        (close("s1") + SYNC, typed(b"3") + READY),
    )
    assert [exchange.texts for exchange in found] == [["INSERT a", "INSERT a"], ["INSERT a"], ["INSERT a"]]
    assert [exchange.executions for exchange in found] == [0, 1, 0]
    assert [exchange.sent for exchange in found] == [
        ["Parse", "Describe", "Sync"],
        ["Bind", "Execute", "Sync"],
        ["Close", "Sync"],
    ]


def test_the_statement_without_a_name_is_the_one_that_was_parsed_last() -> None:
    found = talk(
        (parse("", "a") + bind("") + EXECUTE + SYNC, DONE + READY),
        (parse("", "b") + bind("") + EXECUTE + SYNC, DONE + READY),
    )
    assert [exchange.texts for exchange in found] == [["a", "a"], ["b", "b"]]


def test_a_flush_that_the_client_waits_for_is_a_round_trip_too() -> None:
    flush = typed(b"H")
    (exchange,) = talk((parse("", "a") + flush, typed(b"1")), (bind("") + EXECUTE + SYNC, DONE + READY))
    assert exchange.round_trips == 2
    assert exchange.received == ["1", "C", "Z"]


def test_statements_that_are_sent_without_waiting_have_their_own_answers_and_one_round_trip_in_all() -> None:
    both = bind("s") + EXECUTE + SYNC
    conversation = started()
    conversation.send(both + both)
    conversation.receive(DONE + READY + DONE)
    conversation.receive(READY)
    assert [exchange.received for exchange in conversation.exchanges] == [["C", "Z"], ["C", "Z"]]
    assert [exchange.round_trips for exchange in conversation.exchanges] == [1, 0]


def test_what_nothing_answers_is_no_exchange() -> None:
    conversation = started()
    conversation.send(typed(b"X"))
    assert conversation.exchanges == []
    assert conversation.unanswered == ["Terminate"]


EXTENDED = (parse("", "a") + bind("") + EXECUTE + SYNC, DONE + READY)
PREPARED = (bind("s") + EXECUTE + SYNC, DONE + READY)
ONCE = (parse("s", "a") + bind("s") + EXECUTE + SYNC, DONE + READY)
SIMPLE = (query("a"), DONE + READY)


@pytest.mark.parametrize(
    ("turns", "protocol"),
    [
        ([SIMPLE, SIMPLE], "simple"),
        ([EXTENDED, EXTENDED], "extended"),
        ([ONCE, *[PREPARED] * 9], "prepared"),
        ([ONCE, PREPARED, EXTENDED], "mixed"),
        ([SIMPLE, PREPARED], "mixed"),
    ],
)
def test_the_protocol_is_found_from_the_messages(turns: list[tuple[bytes, bytes]], protocol: str) -> None:
    assert traffic_of(talk(*turns)).protocol == protocol


def test_traffic_is_the_sum_of_its_exchanges_and_shows_the_usual_one() -> None:
    traffic = traffic_of(talk(ONCE, PREPARED, PREPARED))
    assert traffic == Traffic(
        executions=3,
        sent=Counter({"Parse": 1, "Bind": 3, "Execute": 3, "Sync": 3}),
        received=Counter({"C": 3, "Z": 3}),
        sent_bytes=len(ONCE[0]) + 2 * len(PREPARED[0]),
        received_bytes=3 * len(DONE + READY),
        round_trips=3,
        usual=("Bind", "Execute", "Sync"),
    )


def test_no_traffic_is_nothing() -> None:
    assert (traffic_of([]).executions, traffic_of([]).usual, traffic_of([]).protocol) == (0, (), "not seen")
