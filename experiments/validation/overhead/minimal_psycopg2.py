"""Minimal loads with psycopg2, which its loaders are compared with."""

from __future__ import annotations

import multiprocessing
from typing import Any

import psycopg2

from experiments.validation.overhead import script
from experiments.validation.overhead.script import Times, load


def connect(dburl: str) -> Any:
    """Return a connection in autocommit mode."""
    connection = psycopg2.connect(dburl)
    connection.autocommit = True
    return connection


def connect_all(options: Any) -> list[Any]:
    """Return as many connections as the pool has, and empty the table."""
    connections = [connect(options.dburl) for _ in range(options.poolsize)]
    connections[0].cursor().execute(script.TRUNCATE)
    return connections


def run_serial(options: Any, records: list[Any]) -> Times:
    """Load over one connection."""
    (connection,) = connect_all(options)
    return script.measure(lambda: load(connection, iter(records)))


def run_threads(options: Any, records: list[Any]) -> Times:
    """Load in one thread per connection."""
    return script.measure_threads(load, connect_all(options), records)


def run_greenlets(options: Any, records: list[Any]) -> Times:
    """Load in one greenlet per connection."""
    from gevent.socket import wait_read, wait_write
    from psycopg2 import extensions

    def wait(connection: Any) -> None:
        while True:
            state = connection.poll()
            if state == extensions.POLL_OK:
                return
            if state == extensions.POLL_READ:
                wait_read(connection.fileno())
            else:
                wait_write(connection.fileno())

    extensions.set_wait_callback(wait)
    return script.measure_greenlets(load, connect_all(options), records)


def run_processes(options: Any, records: list[Any]) -> Times:
    """Load in one process per connection, each with its part of the records; CPU time is that of the workers."""
    connection = connect(options.dburl)
    connection.cursor().execute(script.TRUNCATE)
    connection.close()
    context = multiprocessing.get_context("fork")
    ready, results = context.Barrier(options.poolsize), context.SimpleQueue()

    def work(part: list[Any]) -> None:
        connection = connect(options.dburl)
        ready.wait()
        results.put(script.measure(lambda: load(connection, iter(part))))

    parts = [records[number :: options.poolsize] for number in range(options.poolsize)]
    workers = [context.Process(target=work, args=(part,)) for part in parts]
    for worker in workers:
        worker.start()
    wall_s, user_s, system_s = zip(*[results.get() for _ in workers])
    for worker in workers:
        worker.join()
    return max(wall_s), sum(user_s), sum(system_s)


if __name__ == "__main__":
    script.main(
        {
            "row_by_row_threaded": run_threads,
            "row_by_row_gevent": run_greenlets,
            "row_by_row_serial": run_serial,
            "row_by_row_processes": run_processes,
        }
    )
