"""A PostgreSQL that stops answering, as seen from the loader: somebody in between who passes nothing on any more."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Between:
    """Passes on what comes and goes, until it falls silent; whoever connects then is let in and hears nothing."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._silent = threading.Event()
        self._sockets = [self._listener]
        self.silenced = 0
        """How many have connected since it fell silent."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def fall_silent(self) -> None:
        self._silent.set()

    def close(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                if self._silent.is_set():
                    self.silenced += 1
                    continue
                server = socket.create_connection(self._server)
                self._sockets.append(server)
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._silent.is_set():
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def between(dburl: str) -> Iterator[tuple[Between, str]]:
    """Somebody in between, and the address of the same database through it."""
    parts = urlsplit(dburl)
    assert parts.hostname
    assert parts.port
    through = Between((parts.hostname, parts.port))
    place = parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{through.port}"
    try:
        yield through, parts._replace(netloc=place).geturl()
    finally:
        through.close()
