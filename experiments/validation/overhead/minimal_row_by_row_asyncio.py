"""The least code that does the data phase with aiopg and tasks: what ``row_by_row_asyncio`` is held against."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Iterator

import aiopg

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


async def run(options: Any, load: Callable[..., Any]) -> None:
    """Connect, empty the table, load on the clock, print the line."""
    records = script.read_records(options)
    shared = iter(records)
    connections = [await aiopg.connect(options.dburl) for _ in range(options.poolsize)]
    async with connections[0].cursor() as cursor:
        await cursor.execute(script.TRUNCATE)

    before = script.usage()
    await asyncio.gather(*(load(connection, shared) for connection in connections))
    script.report(records, script.since(before))

    for connection in connections:
        await connection.close()


def main(load: Callable[..., Any] = load) -> None:
    """Load once."""
    options = script.parse_options()
    loop = script.new_event_loop(options.loop)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(run(options, load))


if __name__ == "__main__":
    main()
