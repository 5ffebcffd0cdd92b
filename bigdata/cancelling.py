"""Cancelling what a psycopg2 connection waits for, of a server that may have stopped answering."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

ANSWER_WITHIN_S = 1.0

# "Do you speak TLS?": the shortest request that PostgreSQL answers, with one letter, to whoever connects.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def cancel(connection: Any) -> None:
    """Ask the server to cancel what runs on the connection, if anything does and the server answers at all.

    psycopg2 waits for that without a bound and holds the interpreter's lock meanwhile, so that a server which has
    stopped answering would stop all threads of this program. A connection that is gone needs no asking.
    """
    import psycopg2

    try:
        if _answers(connection):
            connection.cancel()
    except (psycopg2.Error, OSError):
        pass


def _answers(connection: Any) -> bool:
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        family, address = same.family, same.getpeername()
    with socket.socket(family) as probe:
        probe.settimeout(ANSWER_WITHIN_S)
        probe.connect(address)
        probe.sendall(_SSL_REQUEST)
        return bool(probe.recv(1))
