"""Rows of data records with their ids, for scripts that are written before the clock starts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Iterator

from bigdata.census.sf1 import DataRecord
from bigdata.database import statements as sql
from bigdata.database.look_up import geo_record_id, item_rows
from bigdata.runtimes.job import Job


class Rows:
    """Rows of data records: (geo id, item id, value) in the order of the record's values.

    For the first record the ids of all are looked up over a connection of its own, by two statements. Raises LoadFailed
    where one is missing.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._geo_ids: dict[tuple[str, ...], int] = {}
        self._items: defaultdict[str, list[Any]] = defaultdict(list)

    def _look_up(self) -> None:
        job = self._job
        connection = job.driver.connect(job.url, autocommit=True, protocol="simple", statements=None)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.FIND_GEO_IDS)
                self._geo_ids = {tuple(key): geo_id for *key, geo_id in cursor}
                cursor.execute(sql.FIND_ITEM_IDS)
                for segment, item_id in cursor:
                    self._items[segment].append(item_id)
        finally:
            job.driver.close(connection)

    def of(self, record: DataRecord) -> Iterator[tuple[int, int, Any]]:
        """Yield one row for each value."""
        if not self._geo_ids:
            self._look_up()
        geo_id = self._geo_ids.get((record.fileid, record.stusab, record.logrecno))
        found = geo_record_id(record, None if geo_id is None else (geo_id,))
        for item_id, value in zip(item_rows(record, self._items[record.segment]), record.values):
            yield found, item_id, value
