"""Minimal loads with psycopg 3, which its loaders are compared with.

psycopg is imported late: it waits by gevent only where it finds ``select`` patched when it is imported.
"""

from __future__ import annotations

from typing import Any, Iterator

from experiments.validation.overhead import script
from experiments.validation.overhead.script import INSERT_ELEMENT, SELECT_GEO_ID, SELECT_ITEM_IDS, Times

# Every statement is prepared when it is first executed.
OPTIONS: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0}


def load(connection: Any, records: Iterator[Any]) -> None:
    """Load records until there are no more: the work of one worker."""
    with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = cursor.fetchone()
            cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(cursor.fetchall(), values):
                cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


async def load_async(connection: Any, records: Iterator[Any]) -> None:
    """Do the same on an event loop."""
    async with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            await cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = await cursor.fetchone()
            await cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(await cursor.fetchall(), values):
                await cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


def connect_all(options: Any) -> list[Any]:
    """Return as many connections as the pool has, and empty the table."""
    import psycopg

    connections = [psycopg.connect(options.dburl, **OPTIONS) for _ in range(options.poolsize)]
    connections[0].execute(script.TRUNCATE)
    return connections


def run_threads(options: Any, records: list[Any]) -> Times:
    """Load in one thread per connection."""
    return script.measure_threads(load, connect_all(options), records)


def run_greenlets(options: Any, records: list[Any]) -> Times:
    """Load in one greenlet per connection."""
    from gevent import monkey

    monkey.patch_select()
    return script.measure_greenlets(load, connect_all(options), records)


async def run_tasks(options: Any, records: list[Any]) -> Times:
    """Load in one task per connection."""
    import psycopg

    connect = psycopg.AsyncConnection.connect
    connections = [await connect(options.dburl, **OPTIONS) for _ in range(options.poolsize)]
    await connections[0].execute(script.TRUNCATE)
    return await script.measure_tasks(load_async, connections, records)


if __name__ == "__main__":
    script.main(
        {
            "row_by_row_psycopg_threaded": run_threads,
            "row_by_row_psycopg_gevent": run_greenlets,
            "row_by_row_psycopg_asyncio": run_tasks,
        }
    )
