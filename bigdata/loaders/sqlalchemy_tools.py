"""Options, errors, statement counters and drivers' connections for SQLAlchemy."""

from __future__ import annotations

from collections import Counter
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from bigdata.database import statements as sql
from bigdata.loaders.counting import counter_of

# Noted once: SQLAlchemy, asked for that of a connection which the server has closed, opens another.
_DRIVER_CONNECTIONS: WeakKeyDictionary[Connection, Any] = WeakKeyDictionary()


def note_driver_connection(connection: Any) -> None:
    """Note the driver's connection behind a new connection."""
    _DRIVER_CONNECTIONS[connection] = connection.connection.driver_connection


def driver_connection(connection: Connection) -> Any:
    """Return the driver's connection, even if SQLAlchemy has given it up."""
    return _DRIVER_CONNECTIONS[connection]


def isolation(autocommit: bool) -> dict[str, Any]:
    """Return the engine's option for a transaction per statement, or none."""
    return {"isolation_level": "AUTOCOMMIT"} if autocommit else {}


def statement_of(error: BaseException) -> str | None:
    """Return the statement and its values, of which SQLAlchemy's error has both."""
    return f"{error.statement} with {error.params}" if isinstance(error, DBAPIError) and error.statement else None


def count_statements(connection: Connection | None, statements: Counter[str] | None) -> None:
    """Count there what the connection sends, without values, if given."""
    if statements is None:
        return
    count = counter_of(statements)

    def count_statement(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        count(statement)

    def count_transaction(connection: Connection) -> None:
        count(sql.BEGIN, sql.COMMIT)

    event.listen(connection, "before_cursor_execute", count_statement)
    event.listen(connection, sql.COMMIT.lower(), count_transaction)
