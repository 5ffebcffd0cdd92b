"""Shared code of psycopg 3's blocking and asynchronous connections."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import waiting

from bigdata.database import statements as sql
from bigdata.database.cancelling import break_off, cancel
from bigdata.database.conninfo import with_connect_timeout
from bigdata.database.dburl import CLIENT_ENCODING
from bigdata.errors import Unsupported
from bigdata.loaders.counting import counter_of
from bigdata.loaders.tracing import statement_with_values

__all__ = ["Error", "abandon", "cancel", "statement_of", "use_greenlets"]

Error = psycopg.Error

# Executions of a statement before the server is asked to keep it; None: it never is.
PREPARE_THRESHOLDS = {"prepared": 0, "extended": None, "simple": None}

# Functions of psycopg's that wait for a server without gevent knowing: in C, and by epoll, which is never patched.
NOT_PATCHED = ("wait_c", "wait_epoll")


def connection_options(url: str, protocol: str) -> dict[str, Any]:
    """Return psycopg's options for the protocol; ``simple`` also needs a client cursor.

    Raises ValueError for one that it does not know.
    """
    if protocol not in PREPARE_THRESHOLDS:
        raise ValueError(f"psycopg speaks {', '.join(PREPARE_THRESHOLDS)}, not {protocol!r}")
    return {
        "client_encoding": CLIENT_ENCODING,
        "prepare_threshold": PREPARE_THRESHOLDS[protocol],
        **with_connect_timeout(url),
    }


def use_greenlets() -> None:
    """Check that a greenlet which waits for the server lets others run, which psycopg decides at import.

    Raises Unsupported if it decided otherwise: all greenlets would stand still while one of them waits.
    """
    for name in NOT_PATCHED:
        if waiting.wait is getattr(waiting, name, None):
            raise Unsupported(
                f"psycopg waits for the server by {name}, which blocks all other greenlets: it was imported before "
                "select was patched, or PSYCOPG_WAIT_FUNC selects it"
            )
    from gevent.selectors import DefaultSelector

    # What it waits by while it connects, whichever function it has for statements: epoll, which is never patched.
    waiting.DefaultSelector = DefaultSelector  # type: ignore[attr-defined]


def abandon(connection: Any) -> None:
    """Shut down a connection whose server does not answer: any thread that waits for it gets an error."""
    with suppress(psycopg.Error):
        break_off(connection.fileno())


def statement_of(error: BaseException) -> str | None:
    """Return the statement and its values."""
    return statement_with_values(error, "params")


def counting_cursor(cursor: Any, statements: Counter[str] | None) -> Any:
    """Return the cursor class, or with ``statements`` one that counts there each statement without its values.

    What a method returns is handed on, so that the same class serves the asynchronous cursor.
    """
    if statements is None:
        return cursor
    count = counter_of(statements)

    class CountingCursor(cursor):  # type: ignore[misc]
        """A cursor that counts its statements."""

        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            count(str(query))
            return super().execute(query, *arguments, **options)

        def executemany(self, query: Any, params_seq: Any, **options: Any) -> Any:
            count(*[str(query)] * len(params_seq))
            return super().executemany(query, params_seq, **options)

    return CountingCursor


def counting_connection(connection: Any, statements: Counter[str] | None) -> Any:
    """Return the connection class, or one that counts the transactions that psycopg begins and commits."""
    if statements is None:
        return connection
    count = counter_of(statements)

    class CountingConnection(connection):  # type: ignore[misc]
        """A connection that counts its transactions."""

        def commit(self) -> Any:
            # A pool commits where there is nothing to be committed, too.
            if not self.autocommit:
                count(sql.BEGIN, sql.COMMIT)
            return super().commit()

    return CountingConnection
