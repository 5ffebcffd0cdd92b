"""Shared code of the drivers that are built on psycopg2."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from traceback import walk_tb
from typing import Any
from weakref import WeakKeyDictionary

import psycopg2
from psycopg2 import extensions

from bigdata.database import statements as sql
from bigdata.database.cancelling import break_off, cancel
from bigdata.database.conninfo import CONNECT_TIMEOUT_S
from bigdata.loaders.counting import counter_of

__all__ = ["Error", "abandon", "backend_pid", "cancel", "connection_factory", "statement_of", "use_greenlets"]

Error = psycopg2.Error

# What a watcher of gevent's waits for.
READABLE = 1


def abandon(connection: extensions.connection) -> None:
    """Shut down a connection whose server does not answer: any thread that waits for it gets an error."""
    with suppress(psycopg2.Error):
        break_off(connection.fileno())


def has_answered(error: BaseException) -> bool:
    """Return True for a server's refusal after which libpq asks no other server; psycopg2 has no code for it.

    A server that starts or stops is passed over: "the database system is starting up".
    """
    return "FATAL" in str(error) and "the database system is" not in str(error)


def backend_pid(connection: extensions.connection) -> int:
    """Return the process ID of the connection's backend."""
    return connection.get_backend_pid()


def use_greenlets() -> None:
    """Install a wait callback: a greenlet that waits for the server lets others run.

    Each connection keeps its watcher, as a new one each time (``gevent.socket.wait_read``) costs a system call more.
    """
    from gevent import get_hub
    from gevent.socket import wait_read, wait_write

    watchers: WeakKeyDictionary[extensions.connection, Any] = WeakKeyDictionary()
    done, to_send = extensions.POLL_OK, extensions.POLL_WRITE
    # With a wait callback psycopg2 leaves libpq's connect_timeout to the callback.
    expired = psycopg2.OperationalError("the server does not answer (timeout expired)")
    established = (extensions.STATUS_READY, extensions.STATUS_BEGIN)

    def wait(connection: extensions.connection) -> None:
        while True:
            state = connection.poll()
            if state == done:
                return
            watcher = watchers.get(connection)
            if state == to_send:
                wait_write(
                    connection.fileno(), None if connection.status in established else CONNECT_TIMEOUT_S, expired
                )
            elif watcher is not None:
                get_hub().wait(watcher)
            elif connection.status in established:
                watchers[connection] = get_hub().loop.io(connection.fileno(), READABLE)
            else:
                # libpq may try one address after the other, each with another socket.
                wait_read(connection.fileno(), CONNECT_TIMEOUT_S, expired)

    extensions.set_wait_callback(wait)


def statement_of(error: BaseException) -> str | None:
    """Return the statement with its values, as it was sent.

    An error names its cursor, but not when the connection of an asynchronous one is lost: then it is the hot loop's.
    """
    cursors = [getattr(error, "cursor", None)]
    cursors += [frame.f_locals.get("cursor") for frame, _ in walk_tb(error.__traceback__)]
    queries = [getattr(cursor, "query", None) for cursor in cursors]
    return next((query.decode("utf-8", "replace") for query in queries if isinstance(query, bytes)), None)


def connection_factory(statements: Counter[str] | None) -> type[extensions.connection] | None:
    """Return psycopg2's connection class, or with ``statements`` one that counts there what it sends."""
    if statements is None:
        return None
    count = counter_of(statements)

    class CountingCursor(extensions.cursor):
        """A cursor that counts statements before the values are inserted."""

        def execute(self, query: Any, vars: Any = None) -> None:
            count(str(query))
            super().execute(query, vars)

        def executemany(self, query: Any, vars_list: Any) -> None:
            count(*[str(query)] * len(vars_list))
            super().executemany(query, vars_list)

    class CountingConnection(extensions.connection):
        """A connection that counts the transactions that psycopg2 begins and commits."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.cursor_factory = CountingCursor

        def commit(self) -> None:
            count(sql.BEGIN, sql.COMMIT)
            super().commit()

    return CountingConnection
