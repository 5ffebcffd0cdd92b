"""What the drivers that are built on psycopg2 share besides their hot loops."""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from contextlib import suppress
from traceback import walk_tb
from typing import Any

import psycopg2
from psycopg2 import extensions

from bigdata import statements as sql
from bigdata.cancelling import cancel

__all__ = ["Error", "abandon", "cancel", "connection_factory", "statement_of"]

Error = psycopg2.Error


def abandon(connection: extensions.connection) -> None:
    """Break the connection off for a server that does not answer: whoever waits for it gets an error at once."""
    with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


def statement_of(error: BaseException) -> str | None:
    """The statement with its values, as it was sent.

    An error names its cursor, but not when the connection of an asynchronous one is lost: then it is the hot loop's.
    """
    cursors = [getattr(error, "cursor", None)]
    cursors += [frame.f_locals.get("cursor") for frame, _ in walk_tb(error.__traceback__)]
    queries = [getattr(cursor, "query", None) for cursor in cursors]
    return next((query.decode("utf-8", "replace") for query in queries if isinstance(query, bytes)), None)


def connection_factory(statements: Counter[str] | None) -> type[extensions.connection] | None:
    """psycopg2's own connection, or with ``statements`` one that counts there every statement it sends."""
    if statements is None:
        return None
    counting = threading.Lock()

    def count(*sent: str) -> None:
        with counting:
            statements.update(sent)

    class CountingCursor(extensions.cursor):
        """Counts the text before its values are put in."""

        def execute(self, query: Any, vars: Any = None) -> None:
            count(str(query))
            super().execute(query, vars)

        def executemany(self, query: Any, vars_list: Any) -> None:
            count(*[str(query)] * len(vars_list))
            super().executemany(query, vars_list)

    class CountingConnection(extensions.connection):
        """Counts the transactions that psycopg2 begins by itself and commits."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.cursor_factory = CountingCursor

        def commit(self) -> None:
            count(sql.BEGIN, sql.COMMIT)
            super().commit()

    return CountingConnection
