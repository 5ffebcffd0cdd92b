"""Shared code of psycopg_pool's blocking and asynchronous pools."""

from __future__ import annotations

import logging
from typing import Any

from psycopg.pq import TransactionStatus

from bigdata.database.conninfo import pool_timeout_s
from bigdata.loaders import psycopg_tools

CLOSE_WITHIN_S = 1.0

# A connection is replaced after so long; no load lasts that long.
_LIFETIME_S = 1e9

# It logs each failed attempt to connect, with the message of the error that is raised in the end.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


class Opened:
    """Connections that a pool has opened, of which it knows only those at rest, and why it could open none."""

    def __init__(self) -> None:
        self.connections: list[Any] = []
        self.error: Exception | None = None


def pool_options(poolsize: int) -> dict[str, Any]:
    """Return the options for a pool of a fixed size."""
    sizes = {"min_size": poolsize, "max_size": poolsize}
    return {**sizes, "max_lifetime": _LIFETIME_S, "timeout": pool_timeout_s(poolsize)}


def cancel(pool: Any) -> None:
    """Ask the server to cancel the statements that run on the pool's connections."""
    for connection in list(pool.connection_class.connections):
        if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
            psycopg_tools.cancel(connection)


def abandon(pool: Any) -> None:
    """Shut down all connections of a pool whose server does not answer."""
    for connection in list(pool.connection_class.connections):
        psycopg_tools.abandon(connection)
