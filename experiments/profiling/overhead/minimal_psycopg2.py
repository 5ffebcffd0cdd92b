"""Minimal loads with psycopg2, which its loaders are compared with."""

from __future__ import annotations

import multiprocessing
from typing import Any, Iterator, Sequence

import psycopg2

from experiments.profiling.overhead import script


def connect(options: Any) -> Any:
    """Return a connection, in autocommit mode unless operations are transactions."""
    connection = psycopg2.connect(options.dburl)
    connection.autocommit = options.workload != "transaction"
    return connection


def connect_all(options: Any) -> list[Any]:
    """Return as many connections as the pool has."""
    return [connect(options) for _ in range(options.poolsize)]


def run_serial(options: Any, work: Sequence[Any]) -> None:
    """Load over one connection."""
    script.BLOCKING.choose(options.workload)(connect(options), iter(work))


def run_threads(options: Any, work: Sequence[Any]) -> None:
    """Load in one thread per connection."""
    script.run_threads(script.BLOCKING.choose(options.workload), connect_all(options), work)


def run_greenlets(options: Any, work: Sequence[Any]) -> None:
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
    script.run_greenlets(script.BLOCKING.choose(options.workload), connect_all(options), work)


def run_processes(options: Any, work: Sequence[Any]) -> None:
    """Load in one process per connection, each of which takes the next record of all."""
    context = multiprocessing.get_context("fork")
    taken = context.Value("q", 0)

    def take() -> Iterator[Any]:
        while True:
            with taken.get_lock():
                number = taken.value
                taken.value = number + 1
            if number >= len(work):
                return
            yield work[number]

    def load() -> None:
        script.BLOCKING.choose(options.workload)(connect(options), take())

    workers = [context.Process(target=load) for _ in range(options.poolsize)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


if __name__ == "__main__":
    script.main(
        {
            "row_by_row_threaded": run_threads,
            "row_by_row_gevent": run_greenlets,
            "row_by_row_serial": run_serial,
            "row_by_row_processes": run_processes,
        }
    )
