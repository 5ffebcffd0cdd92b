"""Relay between loader and server that delays what passes, in place of a network that is as far away.

One thread, one event loop. What arrives is sent on half a round trip after its arrival, in order, so that messages of a
pipeline stay as close together as they were. ``epoll`` alone waits in whole milliseconds; ``select``, here for the
epoll object itself, waits in microseconds.
"""

from __future__ import annotations

import ctypes
import heapq
import random
import select
import socket
import time
from collections import deque

CHUNK_BYTES = 1 << 18
"""What is read at once."""

MOST_BYTES = 1 << 24
"""What is held for one socket: while it is more, its peer is not read, as when a TCP window is full."""

CPU_INTERVAL_S = 0.02

_PR_SET_TIMERSLACK = 29
_CONNECT_WITHIN_S = 10.0
_SMOOTHING = 0.02
_SEED = 2014


class Relay:
    """A listening relay to the address ``target``, whose round trip takes ``rtt_s``, give or take ``jitter_s``."""

    def __init__(self, host: str, port: int, target: tuple[str, int], rtt_s: float, jitter_s: float = 0.0) -> None:
        """Listen at ``host`` and ``port``, 0 for any that is free. Raises OSError where that is impossible."""
        self.cpu_times: list[tuple[float, float]] = []
        """Pairs of a time by ``perf_counter`` and the CPU seconds of this process until then."""
        self._target = target
        self._delay_s, self._jitter_s = rtt_s / 2, jitter_s / 2
        self._vary = random.Random(_SEED).uniform  # noqa: S311  # a delay, no secret
        self._late_s = 0.0
        self._due: list[tuple[float, int, _End, bytes]] = []
        self._number = 0
        self._ends: dict[int, _End] = {}
        self._poll = select.epoll()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen(1024)
        self.port: int = self._listener.getsockname()[1]
        self._poll.register(self._listener, select.EPOLLIN)
        # The kernel may end a wait 50 µs late otherwise (prctl(2)).
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)

    def run(self) -> None:
        """Relay until an exception, such as the KeyboardInterrupt of SIGTERM."""
        try:
            while True:
                if not self.cpu_times or time.perf_counter() - self.cpu_times[-1][0] >= CPU_INTERVAL_S:
                    self._note_cpu_time()
                self._turn()
        finally:
            self._note_cpu_time()

    def _turn(self) -> None:
        """Wait, read what has arrived, and send what is due."""
        for handle, event in self._wait():
            if handle == self._listener.fileno():
                self._accept()
            elif handle in self._ends:
                self._ends[handle].handle(event)
        while self._due and self._due[0][0] <= time.perf_counter():
            _, _, end, data = heapq.heappop(self._due)
            end.send(data)

    def delay(self, end: _End, data: bytes) -> None:
        """Have ``end`` send this when it is due; nothing closes it."""
        delay_s = self._delay_s + (self._vary(-self._jitter_s, self._jitter_s) if self._jitter_s else 0.0)
        # Waking up took as long when this arrived as it will when it is due.
        end.due_s = max(end.due_s, time.perf_counter() + delay_s - 2 * self._late_s)
        self._number += 1
        heapq.heappush(self._due, (end.due_s, self._number, end, data))

    def watch(self, end: _End, events: int) -> None:
        """Wait for these events of a socket from now on."""
        if end.handle_number in self._ends:
            self._poll.modify(end.handle_number, events)
        else:
            self._ends[end.handle_number] = end
            self._poll.register(end.handle_number, events)

    def forget(self, end: _End) -> None:
        """Wait for no event of this socket any more."""
        del self._ends[end.handle_number]
        self._poll.unregister(end.handle_number)

    def _wait(self) -> list[tuple[int, int]]:
        """Return what has happened, as soon as something has or is due."""
        if self._due:
            timeout_s = self._due[0][0] - time.perf_counter()
            if timeout_s > 0 and not select.select([self._poll], [], [], timeout_s)[0]:
                late_s = time.perf_counter() - self._due[0][0]
                # A core that was taken away for a while says nothing of the next time.
                self._late_s += _SMOOTHING * (min(late_s, 2 * self._late_s + 1e-5) - self._late_s)
                return []
            return self._poll.poll(0)
        return self._poll.poll()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._target, timeout=_CONNECT_WITHIN_S)
        except OSError:
            # As a server that is not there, for whoever connects.
            client.close()
            return
        ends = _End(self, client), _End(self, server)
        ends[0].peer, ends[1].peer = reversed(ends)

    def _note_cpu_time(self) -> None:
        self.cpu_times.append((time.perf_counter(), time.process_time()))


class _End:
    """One socket of a connection; what it says is sent by its ``peer``, later."""

    peer: _End

    def __init__(self, relay: Relay, sock: socket.socket) -> None:
        self.due_s = 0.0
        self.handle_number = sock.fileno()
        self.held_bytes = 0
        self._relay = relay
        self._socket = sock
        self._unsent: deque[bytes] = deque()
        self._events = select.EPOLLIN
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        relay.watch(self, self._events)

    def handle(self, event: int) -> None:
        """Read, or write on, after an event."""
        if event & select.EPOLLOUT:
            self._flush()
        if event & ~select.EPOLLOUT and self._events & select.EPOLLIN:
            self._read()

    def send(self, data: bytes) -> None:
        """Send all of it, as far as the socket takes it now; nothing closes the connection."""
        if self._socket.fileno() < 0:
            return
        self._unsent.append(data)
        if len(self._unsent) == 1:
            self._flush()

    def close(self) -> None:
        """Close both sockets of the connection."""
        for end in (self, self.peer):
            if end._socket.fileno() >= 0:
                self._relay.forget(end)
                end._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.peer.held_bytes += len(data)
        self._relay.delay(self.peer, data)
        if not data or self.peer.held_bytes > MOST_BYTES:
            self._change_events(self._events & ~select.EPOLLIN)

    def _flush(self) -> None:
        while self._unsent:
            data = self._unsent[0]
            if not data:
                return self.close()
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return self.close()
            self._release(sent)
            if sent < len(data):
                self._unsent[0] = data[sent:]
                return self._change_events(self._events | select.EPOLLOUT)
            self._unsent.popleft()
        if self._events & select.EPOLLOUT:
            self._change_events(self._events & ~select.EPOLLOUT)
        return None

    def _release(self, sent: int) -> None:
        was_full = self.held_bytes > MOST_BYTES
        self.held_bytes -= sent
        if was_full and self.held_bytes <= MOST_BYTES:
            self.peer._change_events(self.peer._events | select.EPOLLIN)

    def _change_events(self, events: int) -> None:
        self._events = events
        if self._socket.fileno() >= 0:
            self._relay.watch(self, events)
