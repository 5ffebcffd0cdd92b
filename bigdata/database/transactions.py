"""Number of transactions that the server has counted for a database at rest."""

from __future__ import annotations

import time
from typing import Any, Callable, NamedTuple

from bigdata.database import statements as sql
from bigdata.database.dburl import connect_aside, database_name
from bigdata.errors import BadInput

# PostgreSQL 14 and older publish their counts up to half a second late, through a process of their own.
PROMPT_VERSION = 150000
LATE_BY_S = 0.6

SETTLE_WITHIN_S = 2.0
LOOK_AGAIN_AFTER_S = 0.01


class Counted(NamedTuple):
    """Transactions of a database; None if no other database can be opened to read them from."""

    transactions: int | None
    at_rest: bool
    """False if the database still had other clients, whose transactions may be missing."""


def read_transactions(url: str, at_least: int | None = None, rest_within_s: float = SETTLE_WITHIN_S) -> Counted:
    """Return ``xact_commit`` of the URL's database, after other clients have gone and it has reached ``at_least``.

    Waits for the one no longer than ``rest_within_s``, for the other no longer than SETTLE_WITHIN_S. It is read from
    another database, because looking would count too.
    """
    name = database_name(url)
    try:
        connection = connect_aside(url)
    except BadInput:
        return Counted(None, at_rest=True)
    with connection.cursor() as cursor:

        def ask(statement: str) -> int:
            cursor.execute(sql.pyformat(statement), (name,))
            row = cursor.fetchone()
            return int(row[0]) if row else 0

        at_rest = wait_until(lambda: ask(sql.COUNT_BACKENDS) == 0, rest_within_s)
        wait_until_counted(connection)
        if at_least is not None:
            wanted = at_least
            wait_until(lambda: ask(sql.TRANSACTIONS) >= wanted)
        transactions = ask(sql.TRANSACTIONS)
    connection.close()
    return Counted(transactions, at_rest)


def wait_until_counted(connection: Any) -> None:
    """Wait until the counts of backends that have gone are published: they would seem to belong to the load.

    What is asked now is not older than that.
    """
    if connection.server_version < PROMPT_VERSION:
        time.sleep(LATE_BY_S)


def wait_until(condition: Callable[[], bool], within_s: float = SETTLE_WITHIN_S) -> bool:
    """Poll until the condition holds or the time is up; return True if it holds."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(LOOK_AGAIN_AFTER_S)
    return True
