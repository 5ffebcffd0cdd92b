"""A statement is ended from outside of its connection, and nobody waits for a server that has stopped answering."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bigdata.database import cancelling
from bigdata.database.cancelling import break_off, cancel, send_cancel_request

WITHIN_S = 10.0


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(WITHIN_S)
        yield listening


def test_a_request_to_cancel_is_what_postgresql_documents(server: socket.socket) -> None:
    asking = threading.Thread(target=send_cancel_request, args=(server.getsockname(), 4711, -5), daemon=True)
    asking.start()
    accepted, _ = server.accept()
    with accepted:
        assert accepted.recv(100) == struct.pack("!iiii", 16, 80877102, 4711, -5)
    asking.join(WITHIN_S)
    assert not asking.is_alive()


def test_a_unix_socket_can_be_asked_too(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        listening.settimeout(WITHIN_S)
        threading.Thread(target=send_cancel_request, args=(path, 1, 2), daemon=True).start()
        accepted, _ = listening.accept()
        with accepted:
            assert len(accepted.recv(100)) == 16


def test_a_server_that_does_not_answer_keeps_nobody(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "ANSWER_WITHIN_S", 0.05)
    send_cancel_request(server.getsockname(), 1, 2)
    asked: list[str] = []
    with socket.create_connection(server.getsockname()) as connection:
        cancel(SimpleNamespace(fileno=connection.fileno, cancel=lambda: asked.append("cancel")))
    assert asked == []


def test_a_server_that_is_gone_keeps_nobody(tmp_path: Path) -> None:
    send_cancel_request(str(tmp_path / "none"), 1, 2)
    cancel(SimpleNamespace(fileno=lambda: -1))
    break_off(-1)


def test_who_waits_for_a_connection_that_is_broken_off_waits_no_longer(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname(), timeout=WITHIN_S) as connection:
        break_off(connection.fileno())
        assert connection.recv(1) == b""
