"""Hot loops of ``row_by_row_psycopg_threaded`` that take a connection from psycopg_pool for each operation.

The twin of ``psycopg_pool_async``: a test takes async and await out of that file and compares what is left.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable

from psycopg import Connection
from psycopg_pool import ConnectionPool

from bigdata.census.sf1 import Key
from bigdata.database import statements as sql
from bigdata.loaders import psycopg
from bigdata.loaders.psycopg import INSERT_ELEMENT, LOCK_GEO, SELECT_ELEMENTS, SELECT_GEO, SLEEP, UPDATE_GEO
from bigdata.loaders.psycopg_pool_tools import CLOSE_WITHIN_S, Opened, abandon, cancel, pool_options
from bigdata.loaders.psycopg_tools import Error, statement_of
from bigdata.runtimes.job import Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "session", "statement_of"]


def look_up(pool: ConnectionPool[Any], keys: Iterable[Key]) -> None:
    """Look up the geo record of each key."""
    for key in keys:
        with pool.connection() as connection:
            cursor = connection.execute(SELECT_GEO, (*key,))
            cursor.fetchone()


def fetch(pool: ConnectionPool[Any], keys: Iterable[Key]) -> None:
    """Fetch all data elements of each geo record."""
    for key in keys:
        with pool.connection() as connection:
            cursor = connection.execute(SELECT_ELEMENTS, (*key,))
            cursor.fetchall()


def transact(pool: ConnectionPool[Any], keys: Iterable[Key]) -> None:
    """Add one to the population of each geo record, and an element with it, in the transaction that a checkout is."""
    for key in keys:
        with pool.connection() as connection:
            cursor = connection.execute(LOCK_GEO, (*key,))
            ((geo_id, population),) = cursor.fetchall()
            connection.execute(UPDATE_GEO, (population + 1, geo_id))
            connection.execute(INSERT_ELEMENT, (geo_id, sql.FIRST_ITEM_ID, population + 1))


def wait(pool: ConnectionPool[Any], keys: Iterable[Key]) -> None:
    """Wait for a slow query for each key."""
    for _ in keys:
        with pool.connection() as connection:
            cursor = connection.execute(SLEEP, (sql.SLEEP_S,))
            cursor.fetchone()


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


class Opener(Opened):
    """What a pool connects by: its connections are opened as the one of a worker is."""

    def connect(self, url: str, **options: Any) -> Connection[Any]:
        """Connect, and keep connection or error."""
        try:
            connection = psycopg.connect(url, **options)
        except Error as error:
            self.error = error
            raise
        self.connections.append(connection)
        return connection


def connect(
    url: str, *, poolsize: int, autocommit: bool, protocol: str, statements: Counter[str] | None
) -> ConnectionPool[Any]:
    """Open a pool and all its connections; with ``statements`` they count there what they send."""
    opener: Any = Opener()
    options = {"autocommit": autocommit, "protocol": protocol, "statements": statements}
    pool = ConnectionPool(url, connection_class=opener, kwargs=options, open=False, **pool_options(poolsize))
    try:
        pool.open(wait=True, timeout=pool.timeout)
    except Error as error:
        raise opener.error or error from error
    return pool


def session(pool: ConnectionPool[Any]) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    with pool.connection() as connection:
        return psycopg.session(connection)


def close(pool: ConnectionPool[Any]) -> None:
    """Close all connections; what was not committed is rolled back."""
    pool.close(CLOSE_WITHIN_S)
