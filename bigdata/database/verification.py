"""Digest of the tables, computed by the server after a load."""

from __future__ import annotations

from typing import Any, NamedTuple

from bigdata.census.digest_files import format_digest
from bigdata.database import statements as sql


class TableDigest(NamedTuple):
    """Contents of the tables, independent of order and of serial ids."""

    digest: str
    """'geo:<count>:<sum>;data:<count>:<sum>', as for the files."""
    geo_records: int
    rows: int


def digest_tables(connection: Any) -> TableDigest:
    """Let the server compute the digest over natural keys."""
    with connection.cursor() as cursor:
        cursor.execute(sql.DIGEST_GEO)
        geo_records, geo_sum = cursor.fetchone()
        cursor.execute(sql.DIGEST_DATA)
        rows, data_sum = cursor.fetchone()
    return TableDigest(format_digest(geo_records, geo_sum, rows, data_sum), geo_records, rows)
