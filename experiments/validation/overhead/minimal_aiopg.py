"""Minimal loads with aiopg, which its loaders are compared with."""

from __future__ import annotations

import types
from functools import partial
from typing import Any, Callable, Generator, Iterator

import aiopg

from experiments.validation.overhead import script
from experiments.validation.overhead.script import INSERT_ELEMENT, SELECT_GEO_ID, SELECT_ITEM_IDS, Times, load_async


@types.coroutine
def load_yield_from(connection: Any, records: Iterator[Any]) -> Generator[Any, Any, None]:
    """Do the same as ``load_async``, as a generator."""
    cursor = yield from connection.cursor().__await__()
    for fileid, stusab, logrecno, segment, values in records:
        yield from cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
        (geo_record_id,) = yield from cursor.fetchone()
        yield from cursor.execute(SELECT_ITEM_IDS, (segment,))
        items = yield from cursor.fetchall()
        for (item_id,), value in zip(items, values):
            yield from cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


async def run_tasks(load: Callable[..., Any], options: Any, records: list[Any]) -> Times:
    """Load in one task per connection."""
    connections = [await aiopg.connect(options.dburl) for _ in range(options.poolsize)]
    async with connections[0].cursor() as cursor:
        await cursor.execute(script.TRUNCATE)
    return await script.measure_tasks(load, connections, records)


if __name__ == "__main__":
    script.main(
        {
            "row_by_row_asyncio": partial(run_tasks, load_async),
            "row_by_row_asyncio_yield_from": partial(run_tasks, load_yield_from),
        }
    )
