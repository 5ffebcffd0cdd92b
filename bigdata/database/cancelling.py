"""Cancellation of statements and connections from any thread, even if the server does not answer."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from typing import Any

ANSWER_WITHIN_S = 1.0

# Two requests that PostgreSQL takes from whoever connects, before any password. "Do you speak TLS?": the shortest one
# that it answers, with one letter. And the number that begins a request to cancel.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_CANCEL_REQUEST_CODE = 80877102


def cancel(connection: Any) -> None:
    """Ask the server to cancel the statement of a libpq connection, if one runs and the server answers.

    libpq waits for that without a bound, and psycopg2 holds the interpreter's lock meanwhile, so that a server which
    has stopped answering would stop all threads of this program.
    """
    # Whatever the driver raises: a connection that is gone needs no asking.
    with suppress(Exception):
        if _answers(connection.fileno()):
            connection.cancel()


def send_cancel_request(address: str | tuple[str, int], process_id: int, secret: int) -> None:
    """Ask the server to cancel the statement of its process ``process_id``, without TLS, as libpq does.

    ``address`` is the path of a Unix socket, or host and port.
    """
    with suppress(OSError), _open(address) as request:
        request.sendall(struct.pack("!iiii", 16, _CANCEL_REQUEST_CODE, process_id, secret))
        # The server closes when it has passed the request on.
        request.recv(1)


def break_off(descriptor: int) -> None:
    """Shut down the connection of this file descriptor: any thread that waits for the server gets an error."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.shutdown(socket.SHUT_RDWR)


def _answers(descriptor: int) -> bool:
    with socket.socket(fileno=os.dup(descriptor)) as same:
        family, address = same.family, same.getpeername()
    with socket.socket(family) as probe:
        probe.settimeout(ANSWER_WITHIN_S)
        probe.connect(address)
        probe.sendall(_SSL_REQUEST)
        return bool(probe.recv(1))


def _open(address: str | tuple[str, int]) -> socket.socket:
    if not isinstance(address, str):
        return socket.create_connection(address, timeout=ANSWER_WITHIN_S)
    request = socket.socket(socket.AF_UNIX)
    request.settimeout(ANSWER_WITHIN_S)
    request.connect(address)
    return request
