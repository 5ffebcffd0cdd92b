"""The relay delays, keeps the order, holds back and closes as a network does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from bigdata.measurement.relay import MOST_BYTES, Relay


class Ended(Exception):
    pass


class StoppableRelay(Relay):
    """A relay that another thread can end."""

    stopped = False

    def _turn(self) -> None:
        super()._turn()
        if self.stopped:
            raise Ended


def run_until_ended(relay: Relay) -> None:
    with pytest.raises(Ended):
        relay.run()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


class Running:
    """A relay in a thread of its own, with both ends of a connection through it."""

    def __init__(self, listener: socket.socket, rtt_s: float, jitter_s: float = 0.0) -> None:
        self.relay = StoppableRelay("127.0.0.1", 0, listener.getsockname(), rtt_s, jitter_s)
        self._thread = threading.Thread(target=run_until_ended, args=(self.relay,))
        self._thread.start()
        self.client, self.server = self.connect(listener)

    def connect(self, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(("127.0.0.1", self.relay.port), timeout=10)
        server, _ = listener.accept()
        server.settimeout(10)
        return client, server

    def close(self) -> None:
        self.relay.stopped = True
        # Anything that wakes it up.
        with closing(socket.create_connection(("127.0.0.1", self.relay.port))):
            self._thread.join(10)
        assert not self._thread.is_alive()
        self.client.close()
        self.server.close()


def receive(sock: socket.socket, number: int) -> bytes:
    data = b""
    while len(data) < number:
        more = sock.recv(number - len(data))
        assert more
        data += more
    return data


def test_each_direction_takes_half_of_the_round_trip(listener: socket.socket) -> None:
    with closing(Running(listener, 0.2)) as running:
        started_s = time.perf_counter()
        running.client.sendall(b"question")
        assert receive(running.server, 8) == b"question"
        half_s = time.perf_counter() - started_s
        running.server.sendall(b"answer")
        assert receive(running.client, 6) == b"answer"
        whole_s = time.perf_counter() - started_s
    # It is late on a busy machine, but early by what it expects to be late only.
    assert half_s >= 0.09
    assert whole_s >= 0.19


def test_what_follows_in_a_pipeline_is_not_delayed_once_more(listener: socket.socket) -> None:
    with closing(Running(listener, 0.4)) as running:
        arrived_s = []
        for number in range(3):
            running.client.sendall(b"%d" % number)
            time.sleep(0.02)
        for number in range(3):
            assert receive(running.server, 1) == b"%d" % number
            arrived_s.append(time.perf_counter())
    # By one after the other it would be 0.4 s.
    assert arrived_s[-1] - arrived_s[0] < 0.2


def test_jitter_keeps_the_order(listener: socket.socket) -> None:
    with closing(Running(listener, 0.02, 0.02)) as running:
        sent = b"".join(b"%04d" % number for number in range(200))
        for start in range(0, len(sent), 4):
            running.client.sendall(sent[start : start + 4])
        assert receive(running.server, len(sent)) == sent


def test_a_connection_does_not_wait_for_one_that_nobody_reads(listener: socket.socket) -> None:
    with closing(Running(listener, 0.0)) as running:
        running.client.setblocking(False)
        # More than the relay and both sockets hold.
        accepted, chunk = 0, b"x" * (1 << 20)
        deadline_s = time.monotonic() + 5
        while accepted < 4 * MOST_BYTES and time.monotonic() < deadline_s:
            try:
                accepted += running.client.send(chunk)
                deadline_s = time.monotonic() + 0.5
            except BlockingIOError:
                time.sleep(0.01)
        assert MOST_BYTES < accepted < 4 * MOST_BYTES
        other_client, other_server = running.connect(listener)
        with other_client, other_server:
            other_client.sendall(b"other")
            assert receive(other_server, 5) == b"other"
        # Once it is read, all of it arrives.
        assert receive(running.server, accepted) == b"x" * accepted


def test_the_end_of_a_side_arrives_after_what_it_has_said(listener: socket.socket) -> None:
    with closing(Running(listener, 0.05)) as running:
        running.client.sendall(b"last")
        running.client.close()
        assert receive(running.server, 4) == b"last"
        assert running.server.recv(1) == b""


def test_a_server_that_is_not_there_closes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        target = gone.getsockname()
    relay = StoppableRelay("127.0.0.1", 0, target, 0.0)
    thread = threading.Thread(target=run_until_ended, args=(relay,))
    thread.start()
    with closing(socket.create_connection(("127.0.0.1", relay.port), timeout=10)) as client:
        assert client.recv(1) == b""
    relay.stopped = True
    with closing(socket.create_connection(("127.0.0.1", relay.port))):
        thread.join(10)
    assert not thread.is_alive()


def test_its_cpu_time_is_noted_while_it_relays(listener: socket.socket) -> None:
    with closing(Running(listener, 0.0)) as running:
        for _ in range(3):
            running.client.sendall(b"x")
            receive(running.server, 1)
            time.sleep(0.03)
        noted = list(running.relay.cpu_times)
    assert len(noted) >= 3
    assert noted == sorted(noted)
