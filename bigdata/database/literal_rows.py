"""Rows of data records with their ids, for scripts and COPY, made before any clock starts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Iterator

from bigdata.census.sf1 import DataRecord
from bigdata.database import statements as sql
from bigdata.database.look_up import geo_record_id, item_rows


class Rows:
    """Rows of data records: (geo id, item id, value) in the order of the record's values.

    For the first record the ids of all are looked up by two statements over a connection of psycopg2 that ``connect``
    opens. Raises LoadFailed where one is missing.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._geo_ids: dict[tuple[str, ...], int] = {}
        self._items: defaultdict[str, list[Any]] = defaultdict(list)

    def _look_up(self) -> None:
        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.FIND_GEO_IDS)
                self._geo_ids = {tuple(key): geo_id for *key, geo_id in cursor}
                cursor.execute(sql.FIND_ITEM_IDS)
                for segment, item_id in cursor:
                    self._items[segment].append(item_id)
        finally:
            connection.close()

    def of(self, record: DataRecord) -> Iterator[tuple[int, int, Any]]:
        """Yield one row for each value."""
        if not self._geo_ids:
            self._look_up()
        geo_id = self._geo_ids.get((record.fileid, record.stusab, record.logrecno))
        found = geo_record_id(record, None if geo_id is None else (geo_id,))
        for item_id, value in zip(item_rows(record, self._items[record.segment]), record.values):
            yield found, item_id, value
