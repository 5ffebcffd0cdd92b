"""Scans of the tables that the workload SELECTs from: each SELECT is at least one scan."""

from __future__ import annotations

from typing import Any

from bigdata.database import statements as sql
from bigdata.database.dburl import database_name, open_connection
from bigdata.database.transactions import wait_until, wait_until_counted


def read_scans(url: str, rest_within_s: float) -> dict[str, Any]:
    """Return ``scans_of`` a new connection, after other clients have disconnected: only then all scans are counted.

    Waits for that no longer than ``rest_within_s``.
    """
    name = database_name(url)
    with open_connection(url) as connection:
        with connection.cursor() as cursor:

            def is_alone() -> bool:
                cursor.execute(sql.pyformat(sql.COUNT_BACKENDS), (name,))
                return bool(cursor.fetchone()[0] == 0)

            wait_until(is_alone, rest_within_s)
        wait_until_counted(connection)
        return scans_of(connection)


def scans_of(connection: Any) -> dict[str, Any]:
    """Return the number of scans of ``geo_record`` by key and of ``matrix``, which only grow, and of rows touched.

    None if there are no such tables.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.SCANS)
        return dict(zip(("geo_record", "matrix", "elements_read", "geo_updated"), cursor.fetchone()))
