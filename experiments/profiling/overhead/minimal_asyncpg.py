"""Minimal loads with asyncpg, which its loader is compared with."""

from __future__ import annotations

import re
from typing import Any, Iterator, Sequence

import asyncpg

from experiments.profiling.overhead import script


def numbered(statement: str) -> str:
    """Return the statement with $1, $2, ... for its parameters."""
    numbers = iter(range(1, 10))
    return re.sub("%s", lambda _: f"${next(numbers)}", statement)


SELECT_GEO_ID = numbered(script.SELECT_GEO_ID)
SELECT_ITEM_IDS = numbered(script.SELECT_ITEM_IDS)
INSERT_ELEMENT = numbered(script.INSERT_ELEMENT)
LOCK_GEO = numbered(script.LOCK_GEO)
UPDATE_GEO = numbered(script.UPDATE_GEO)
QUERIES = {statement: numbered(statement) for statement in script.QUERIES.values()}


async def ingest(connection: Any, records: Iterator[Any]) -> None:
    """Load records until there are no more: the work of one worker."""
    for fileid, stusab, logrecno, segment, values in records:
        geo_record_id = await connection.fetchval(SELECT_GEO_ID, fileid, stusab, logrecno)
        items = await connection.fetch(SELECT_ITEM_IDS, segment)
        for (item_id,), value in zip(items, values):
            await connection.execute(INSERT_ELEMENT, geo_record_id, item_id, value)


async def query(connection: Any, operations: Iterator[Any]) -> None:
    """Send each statement and fetch what it returns."""
    for statement, values in operations:
        await connection.fetch(QUERIES[statement], *values)


async def transact(connection: Any, keys: Iterator[Any]) -> None:
    """Change a geo record and add an element to it, for each key."""
    for key in keys:
        transaction = connection.transaction()
        await transaction.start()
        geo_record_id, population = await connection.fetchrow(LOCK_GEO, *key)
        await connection.execute(UPDATE_GEO, population + 1, geo_record_id)
        await connection.execute(INSERT_ELEMENT, geo_record_id, script.FIRST_ITEM_ID, population + 1)
        await transaction.commit()


LOADS = script.Loads(ingest, query, transact)


async def run_tasks(options: Any, work: Sequence[Any]) -> None:
    """Load in one task per connection."""
    connections = [await asyncpg.connect(options.dburl) for _ in range(options.poolsize)]
    await script.run_tasks(LOADS.choose(options.workload), connections, work)


if __name__ == "__main__":
    script.main({"row_by_row_asyncpg": run_tasks})
