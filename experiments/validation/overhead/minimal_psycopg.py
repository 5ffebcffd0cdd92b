"""Minimal loads with psycopg 3, which its loaders are compared with.

psycopg is imported late: it waits by gevent only where it finds ``select`` patched when it is imported.
"""

from __future__ import annotations

from typing import Any

from experiments.validation.overhead import script
from experiments.validation.overhead.script import Times, load, load_async

# Every statement is prepared when it is first executed.
OPTIONS: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0}


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
