"""Minimal loads with aiopg, which its loaders are compared with."""

from __future__ import annotations

import types
from functools import partial
from typing import Any, Generator, Iterator, Sequence

import aiopg

from experiments.profiling.overhead import script
from experiments.profiling.overhead.script import (
    FIRST_ITEM_ID,
    INSERT_ELEMENT,
    LOCK_GEO,
    SELECT_GEO_ID,
    SELECT_ITEM_IDS,
    UPDATE_GEO,
)

Steps = Generator[Any, Any, None]


async def transact(connection: Any, keys: Iterator[Any]) -> None:
    """Do the same as ``script.transact`` on an event loop, where aiopg always commits by itself."""
    async with connection.cursor() as cursor:
        for key in keys:
            await cursor.execute("BEGIN")
            await cursor.execute(LOCK_GEO, key)
            geo_record_id, population = await cursor.fetchone()
            await cursor.execute(UPDATE_GEO, (population + 1, geo_record_id))
            await cursor.execute(INSERT_ELEMENT, (geo_record_id, FIRST_ITEM_ID, population + 1))
            await cursor.execute("COMMIT")


@types.coroutine
def ingest_yield_from(connection: Any, records: Iterator[Any]) -> Steps:
    """Do the same as ``script.ingest_async``, as a generator."""
    cursor = yield from connection.cursor().__await__()
    for fileid, stusab, logrecno, segment, values in records:
        yield from cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
        (geo_record_id,) = yield from cursor.fetchone()
        yield from cursor.execute(SELECT_ITEM_IDS, (segment,))
        items = yield from cursor.fetchall()
        for (item_id,), value in zip(items, values):
            yield from cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


@types.coroutine
def query_yield_from(connection: Any, operations: Iterator[Any]) -> Steps:
    """Do the same as ``script.query_async``, as a generator."""
    cursor = yield from connection.cursor().__await__()
    for statement, values in operations:
        yield from cursor.execute(statement, values)
        yield from cursor.fetchall()


@types.coroutine
def transact_yield_from(connection: Any, keys: Iterator[Any]) -> Steps:
    """Do the same as ``transact``, as a generator."""
    cursor = yield from connection.cursor().__await__()
    for key in keys:
        yield from cursor.execute("BEGIN")
        yield from cursor.execute(LOCK_GEO, key)
        geo_record_id, population = yield from cursor.fetchone()
        yield from cursor.execute(UPDATE_GEO, (population + 1, geo_record_id))
        yield from cursor.execute(INSERT_ELEMENT, (geo_record_id, FIRST_ITEM_ID, population + 1))
        yield from cursor.execute("COMMIT")


async def run_tasks(loads: script.Loads, options: Any, work: Sequence[Any]) -> None:
    """Load in one task per connection."""
    connections = [await aiopg.connect(options.dburl) for _ in range(options.poolsize)]
    await script.run_tasks(loads.choose(options.workload), connections, work)


if __name__ == "__main__":
    script.main(
        {
            "row_by_row_asyncio": partial(run_tasks, script.Loads(script.ingest_async, script.query_async, transact)),
            "row_by_row_asyncio_yield_from": partial(
                run_tasks, script.Loads(ingest_yield_from, query_yield_from, transact_yield_from)
            ),
        }
    )
