"""The least code that does the data phase with asyncpg and tasks: what ``row_by_row_asyncpg`` is held against."""

from __future__ import annotations

import asyncio
from typing import Any, Iterator

import asyncpg

from experiments.validation.overhead import script

SELECT_GEO_ID = "SELECT id FROM geo_record WHERE fileid = $1 AND stusab = $2 AND logrecno = $3"
SELECT_ITEM_IDS = (
    "SELECT dictionary_item.id FROM dictionary_item JOIN matrix ON matrix.id = dictionary_item.matrix_id "
    "WHERE matrix.segment_id = $1 ORDER BY matrix.sortkey, dictionary_item.index"
)
INSERT_ELEMENT = "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES ($1, $2, $3)"


async def load(connection: Any, records: Iterator[Any]) -> None:
    """One worker: records until there are no more."""
    for fileid, stusab, logrecno, segment, values in records:
        geo_record_id = await connection.fetchval(SELECT_GEO_ID, fileid, stusab, logrecno)
        items = await connection.fetch(SELECT_ITEM_IDS, segment)
        for (item_id,), value in zip(items, values):
            await connection.execute(INSERT_ELEMENT, geo_record_id, item_id, value)


async def run(options: Any) -> None:
    """Connect, empty the table, load on the clock, print the line."""
    records = script.read_records(options)
    shared = iter(records)
    connections = [await asyncpg.connect(options.dburl) for _ in range(options.poolsize)]
    await connections[0].execute(script.TRUNCATE)

    before = script.usage()
    await asyncio.gather(*(load(connection, shared) for connection in connections))
    script.report(records, script.since(before))

    for connection in connections:
        await connection.close()


def main() -> None:
    """Load once."""
    options = script.parse_options()
    loop = script.new_event_loop(options.loop)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(run(options))


if __name__ == "__main__":
    main()
