from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from experiments.errors import Failure
from experiments.validation.same_sql.proxy import HOST, Proxy
from tests.experiments.validation.wire_bytes import CANCEL_REQUEST, SSL_REQUEST, query, start_up, typed

READY = typed(b"Z", b"I")
TERMINATE = typed(b"X")


@contextmanager
def server(answers: list[tuple[bytes, bytes]]) -> Iterator[int]:
    """Accepts one connection, answers what it expects with what stands beside it, and leaves at anything else."""
    with socket.create_server((HOST, 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                for expected, answer in answers:
                    if receive(connection, len(expected)) != expected:
                        return
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (part := connection.recv(size - len(received))):
        received += part
    return received


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=10)


def test_it_passes_on_what_either_side_says_and_has_counted_it() -> None:
    hello, question = start_up("user", "u"), query("SELECT '" + "x" * 200_000 + "'")
    answer = typed(b"D", b"y" * 300_000) + READY
    answers = [(SSL_REQUEST, b"N"), (hello, READY), (question, answer), (TERMINATE, b"")]
    with server(answers) as port, Proxy(port) as proxy, connect(proxy) as client:
        for sent, received in answers:
            client.sendall(sent)
            assert receive(client, len(received)) == received
    (conversation,) = proxy.conversations()
    (exchange,) = conversation.exchanges
    assert conversation.start_up.requests == ["SSLRequest"]
    assert (exchange.sent_bytes, exchange.received_bytes, exchange.round_trips) == (len(question), len(answer), 1)
    assert conversation.unanswered == ["Terminate"]


def test_when_the_server_leaves_so_does_the_client_learn_it() -> None:
    hello = start_up("user", "u")
    with server([(hello, READY)]) as port, Proxy(port) as proxy, connect(proxy) as client:
        client.sendall(hello)
        assert receive(client, len(READY) + 1) == READY


def test_a_request_to_cancel_is_no_conversation() -> None:
    with server([(CANCEL_REQUEST, b"")]) as port, Proxy(port) as proxy, connect(proxy) as client:
        client.sendall(CANCEL_REQUEST)
        assert receive(client, 1) == b""
    assert proxy.conversations() == []


def test_what_cannot_be_read_is_a_failure_with_its_reason() -> None:
    with server([(SSL_REQUEST, b"S")]) as port, Proxy(port) as proxy, connect(proxy) as client:
        client.sendall(SSL_REQUEST)
        assert receive(client, 1) == b""
    with pytest.raises(Failure, match=r"^the proxy between loader and server: the server answered b'S' to a request"):
        proxy.conversations()


def test_a_server_that_is_not_there_is_a_failure() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    with Proxy(port) as proxy, connect(proxy) as client:
        assert receive(client, 1) == b""
    with pytest.raises(Failure, match="does not accept a connection"):
        proxy.conversations()


def test_leaving_ends_a_connection_that_nobody_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.validation.same_sql.proxy.TIMEOUT_S", 0.2)
    hello = start_up("user", "u")
    with server([(hello, READY), (b"never", b"")]) as port:
        with Proxy(port) as proxy:
            client = connect(proxy)
            client.sendall(hello)
            assert receive(client, len(READY)) == READY
        assert receive(client, 1) == b""
        client.close()
