"""What the server says it holds after a load: the digest of its tables."""

from __future__ import annotations

from typing import Any, NamedTuple

from bigdata.census.digest_files import format_digest
from bigdata.database import statements as sql


class TableDigest(NamedTuple):
    """What is in the tables, independent of order and of serial ids."""

    digest: str
    """'geo:<count>:<sum>;data:<count>:<sum>', as the files' digest has it."""
    geo_records: int
    rows: int


def digest_tables(connection: Any) -> TableDigest:
    """Computed by the server over natural keys."""
    with connection.cursor() as cursor:
        cursor.execute(sql.DIGEST_GEO)
        geo_records, geo_sum = cursor.fetchone()
        cursor.execute(sql.DIGEST_DATA)
        rows, data_sum = cursor.fetchone()
    return TableDigest(format_digest(geo_records, geo_sum, rows, data_sum), geo_records, rows)
