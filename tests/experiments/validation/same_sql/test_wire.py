from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.validation.same_sql.wire import FRONTEND, Backend, Frontend, Message, NotUnderstood
from tests.experiments.validation.wire_bytes import CANCEL_REQUEST, GSSENC_REQUEST, SSL_REQUEST, start_up, typed

STREAM = (
    SSL_REQUEST
    + GSSENC_REQUEST
    + start_up("user", "bigdata", "database", "bigdata")
    + typed(b"p", b"secret\0")
    + typed(b"P", b"s1\0SELECT $1\0\0\0")
    + typed(b"B", b"\0s1\0\0\0\0\0\0\0")
    + typed(b"E", b"\0\0\0\0\0")
    + typed(b"S")
    + typed(b"Q", b"SELECT '" + b"x" * 70_000 + b"'\0")
    + typed(b"X")
)
KINDS = [
    *("SSLRequest", "GSSENCRequest", "StartupMessage", "Password"),
    *("Parse", "Bind", "Execute", "Sync", "Query", "Terminate"),
]


def kinds(messages: list[Message]) -> list[str]:
    return [message.kind for message in messages]


def test_every_message_of_a_client_is_told_apart_and_every_byte_belongs_to_one() -> None:
    messages = list(Frontend().feed(STREAM))
    assert kinds(messages) == KINDS
    assert sum(message.size for message in messages) == len(STREAM)
    assert messages[4] == Message("Parse", 20, b"s1\0SELECT $1\0\0\0")


def test_it_does_not_matter_where_reads_divide_the_stream() -> None:
    short = STREAM.replace(b"x" * 70_000, b"x")
    whole = list(Frontend().feed(short))
    frontend = Frontend()
    assert [message for byte in short for message in frontend.feed(bytes([byte]))] == whole


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_nor_does_it_for_any_division(cuts: list[int]) -> None:
    frontend = Frontend()
    parts = [STREAM[start:end] for start, end in pairwise(sorted({0, *cuts, len(STREAM)}))]
    assert kinds([message for part in parts for message in frontend.feed(part)]) == KINDS


@given(st.lists(st.tuples(st.sampled_from(sorted(FRONTEND)), st.binary(max_size=300))))
def test_what_is_put_together_is_taken_apart_again(sent: list[tuple[bytes, bytes]]) -> None:
    stream = start_up("user", "u") + b"".join(typed(kind, body) for kind, body in sent)
    expected = [Message(FRONTEND[kind], 5 + len(body), body) for kind, body in sent]
    assert list(Frontend().feed(stream))[1:] == expected


def test_a_request_to_cancel_is_no_start_up() -> None:
    assert list(Frontend().feed(CANCEL_REQUEST)) == [Message("CancelRequest", 16)]


def test_the_start_up_carries_version_and_parameters() -> None:
    (message,) = Frontend().feed(start_up("user", "u"))
    assert message == Message("StartupMessage", 16, b"\0\3\0\0user\0u\0\0")


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (start_up("user", "u", version=(2, 0)), "version 2 of the protocol"),
        (start_up("user", "u") + typed(b"!"), "a message of type b'!'"),
        (start_up("user", "u") + b"Q\0\0\0\3", "3 bytes"),
        (b"\0\0\0\5x", "5 bytes"),
        (b"\x16\x03\x01\x02", None),
    ],
    ids=["old version", "unknown type", "impossible length", "no room for a code", "TLS waits for more"],
)
def test_what_is_no_protocol_3_is_refused_with_what_was_found(stream: bytes, reason: str | None) -> None:
    if reason is None:
        assert list(Frontend().feed(stream)) == []
    else:
        with pytest.raises(NotUnderstood, match=reason):
            list(Frontend().feed(stream))


def test_messages_of_a_server_have_the_letter_of_their_type() -> None:
    stream = typed(b"R", b"\0\0\0\0") + typed(b"S", b"a\0b\0") + typed(b"Z", b"I")
    assert list(Backend().feed(stream)) == [Message("R", 9), Message("S", 9), Message("Z", 6)]


def test_the_one_byte_that_answers_a_request_is_no_message_of_a_type() -> None:
    backend = Backend()
    backend.requests = 2
    assert list(backend.feed(b"NN" + typed(b"N", b"notice"))) == [
        Message("answer", 1),
        Message("answer", 1),
        Message("N", 11),
    ]


def test_encryption_that_the_server_grants_is_refused() -> None:
    backend = Backend()
    backend.requests = 1
    with pytest.raises(NotUnderstood, match="b'S'"):
        list(backend.feed(b"S"))
