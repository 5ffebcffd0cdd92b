"""The least code that does the data phase with psycopg 3 and tasks: for ``row_by_row_psycopg_asyncio``."""

from __future__ import annotations

import asyncio
from typing import Any, Iterator

import psycopg

from experiments.validation.overhead import script
from experiments.validation.overhead.script import INSERT_ELEMENT, SELECT_GEO_ID, SELECT_ITEM_IDS


async def load(connection: Any, records: Iterator[Any]) -> None:
    """One worker: records until there are no more."""
    async with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            await cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = await cursor.fetchone()
            await cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(await cursor.fetchall(), values):
                await cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


async def run(options: Any) -> None:
    """Connect, empty the table, load on the clock, print the line."""
    records = script.read_records(options)
    shared = iter(records)
    connect = psycopg.AsyncConnection.connect
    connections = [await connect(options.dburl, autocommit=True, prepare_threshold=0) for _ in range(options.poolsize)]
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
