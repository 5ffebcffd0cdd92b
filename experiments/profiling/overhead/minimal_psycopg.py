"""Minimal loads with psycopg 3, which its loaders are compared with.

psycopg is imported late: it waits by gevent only where it finds ``select`` patched when it is imported.
"""

from __future__ import annotations

from typing import Any, Iterator, Sequence

from experiments.profiling.overhead import script
from experiments.profiling.overhead.script import FIRST_ITEM_ID, INSERT_ELEMENT, LOCK_GEO, UPDATE_GEO


async def transact(connection: Any, keys: Iterator[Any]) -> None:
    """Do the same as ``script.transact`` on an event loop."""
    async with connection.cursor() as cursor:
        for key in keys:
            await cursor.execute(LOCK_GEO, key)
            geo_record_id, population = await cursor.fetchone()
            await cursor.execute(UPDATE_GEO, (population + 1, geo_record_id))
            await cursor.execute(INSERT_ELEMENT, (geo_record_id, FIRST_ITEM_ID, population + 1))
            await connection.commit()


ASYNCHRONOUS = script.Loads(script.ingest_async, script.query_async, transact)


def choices(options: Any) -> dict[str, Any]:
    """Return how to connect: every statement is prepared when it is first executed."""
    return {"autocommit": options.workload != "transaction", "prepare_threshold": 0}


def connect_all(options: Any) -> list[Any]:
    """Return as many connections as the pool has."""
    import psycopg

    return [psycopg.connect(options.dburl, **choices(options)) for _ in range(options.poolsize)]


def run_threads(options: Any, work: Sequence[Any]) -> None:
    """Load in one thread per connection."""
    script.run_threads(script.BLOCKING.choose(options.workload), connect_all(options), work)


def run_greenlets(options: Any, work: Sequence[Any]) -> None:
    """Load in one greenlet per connection."""
    from gevent import monkey

    monkey.patch_select()
    script.run_greenlets(script.BLOCKING.choose(options.workload), connect_all(options), work)


async def run_tasks(options: Any, work: Sequence[Any]) -> None:
    """Load in one task per connection."""
    import psycopg

    connect = psycopg.AsyncConnection.connect
    connections = [await connect(options.dburl, **choices(options)) for _ in range(options.poolsize)]
    await script.run_tasks(ASYNCHRONOUS.choose(options.workload), connections, work)


if __name__ == "__main__":
    script.main(
        {
            "row_by_row_psycopg_threaded": run_threads,
            "row_by_row_psycopg_gevent": run_greenlets,
            "row_by_row_psycopg_asyncio": run_tasks,
        }
    )
