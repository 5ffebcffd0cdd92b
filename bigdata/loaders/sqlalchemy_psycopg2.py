"""SQLAlchemy's connections through psycopg2, for Core and the ORM."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from bigdata.loaders import psycopg2
from bigdata.loaders.sqlalchemy_tools import (
    count_statements,
    driver_connection,
    isolation,
    note_driver_connection,
    statement_of,
)

__all__ = ["Error", "abandon", "cancel", "close", "connect", "session", "statement_of"]

Error = SQLAlchemyError

_ONE_AT_A_TIME = threading.Lock()


def connect(url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None) -> Connection:
    """Open a connection of the engine, which all workers share; with ``statements`` it counts there what it sends."""
    with _ONE_AT_A_TIME:
        engine = _engine(url, autocommit, protocol)
    connection = engine.connect()
    note_driver_connection(connection)
    count_statements(connection, statements)
    return connection


@lru_cache(maxsize=None)
def _engine(url: str, autocommit: bool, protocol: str) -> Engine:
    """Return the engine, whose connections are opened like those of the bare driver, without looking up hstore."""
    connect_driver = partial(psycopg2.connect, url, autocommit=autocommit, protocol=protocol, statements=None)
    options: dict[str, Any] = {"creator": connect_driver, "poolclass": NullPool, "use_native_hstore": False}
    return create_engine("postgresql+psycopg2://", **options, **isolation(autocommit))


def session(owner: Any) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    return psycopg2.session(driver_connection(_connection(owner)))


def close(owner: Any) -> None:
    """Close the connection; what was not committed is rolled back."""
    with suppress(Error):
        _connection(owner).close()


def cancel(owner: Any) -> None:
    """Ask the server to cancel the statement that runs on the connection, if any."""
    psycopg2.cancel(driver_connection(_connection(owner)))


def abandon(owner: Any) -> None:
    """Shut down a connection whose server does not answer."""
    psycopg2.abandon(driver_connection(_connection(owner)))


def _connection(owner: Any) -> Any:
    """Return the connection, or that of a session."""
    return getattr(owner, "bind", owner)
