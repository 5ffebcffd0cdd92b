"""Minimal load with asyncpg, which its loader is compared with."""

from __future__ import annotations

from typing import Any, Iterator

import asyncpg

from experiments.validation.overhead import script
from experiments.validation.overhead.script import Times

SELECT_GEO_ID = "SELECT id FROM geo_record WHERE fileid = $1 AND stusab = $2 AND logrecno = $3"
SELECT_ITEM_IDS = (
    "SELECT dictionary_item.id FROM dictionary_item JOIN matrix ON matrix.id = dictionary_item.matrix_id "
    "WHERE matrix.segment_id = $1 ORDER BY matrix.sortkey, dictionary_item.index"
)
INSERT_ELEMENT = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES ($1, $2, $3)"


async def load(connection: Any, records: Iterator[Any]) -> None:
    """Load records until there are no more: the work of one worker."""
    for fileid, stusab, logrecno, segment, values in records:
        geo_record_id = await connection.fetchval(SELECT_GEO_ID, fileid, stusab, logrecno)
        items = await connection.fetch(SELECT_ITEM_IDS, segment)
        for (item_id,), value in zip(items, values):
            await connection.execute(INSERT_ELEMENT, geo_record_id, item_id, value)


async def run_tasks(options: Any, records: list[Any]) -> Times:
    """Load in one task per connection."""
    connections = [await asyncpg.connect(options.dburl) for _ in range(options.poolsize)]
    await connections[0].execute(script.TRUNCATE)
    return await script.measure_tasks(load, connections, records)


if __name__ == "__main__":
    script.main({"row_by_row_asyncpg": run_tasks})
