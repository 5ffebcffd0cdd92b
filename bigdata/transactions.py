"""How many transactions the server has counted for a database, once it is at rest."""

from __future__ import annotations

import time
from typing import Any, Callable

from bigdata import statements as sql
from bigdata.dburl import connect, database_name
from bigdata.errors import BadInput

# PostgreSQL 14 and older publish their counts up to half a second late, through a process of their own.
PROMPT_VERSION = 150000
LATE_BY_S = 0.6

SETTLE_WITHIN_S = 2.0
LOOK_AGAIN_AFTER_S = 0.01


def read_transactions(url: str, at_least: int | None = None) -> int | None:
    """``xact_commit`` of the URL's database, once its other backends have gone and it has reached ``at_least``.

    Waits for that no longer than SETTLE_WITHIN_S. It is read from another database, because looking would count too.
    None where no other database can be opened.
    """
    name = database_name(url)
    try:
        connection = connect(url, dbname="template1" if name == "postgres" else "postgres")
    except BadInput:
        return None
    with connection.cursor() as cursor:

        def ask(statement: str) -> int:
            cursor.execute(sql.pyformat(statement), (name,))
            row = cursor.fetchone()
            return int(row[0]) if row else 0

        wait_until(lambda: ask(sql.COUNT_BACKENDS) == 0)
        wait_until_counted(connection)
        if at_least is not None:
            wanted = at_least
            wait_until(lambda: ask(sql.TRANSACTIONS) >= wanted)
        transactions = ask(sql.TRANSACTIONS)
    connection.close()
    return transactions


def wait_until_counted(connection: Any) -> None:
    """Until all is published that backends counted which have gone: else what was before a load would seem to be of it.

    What is asked now is not older than that.
    """
    if connection.server_version < PROMPT_VERSION:
        time.sleep(LATE_BY_S)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look again and again, for no longer than SETTLE_WITHIN_S."""
    deadline_s = time.monotonic() + SETTLE_WITHIN_S
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(LOOK_AGAIN_AFTER_S)
