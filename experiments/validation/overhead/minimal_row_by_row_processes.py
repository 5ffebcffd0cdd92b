"""The least code that does the data phase with psycopg2 and processes: what ``row_by_row_processes`` is held against.

The records are dealt out before: nothing is handed from one process to another while the clock runs.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

from experiments.validation.overhead import script
from experiments.validation.overhead.minimal_row_by_row_threaded import connect, load


def work(dburl: str, records: list[Any], ready: Any, results: Any) -> None:
    """One worker: its part of the records, and what it took."""
    connection = connect(dburl)
    ready.wait()
    results.put(script.measure(lambda: load(connection, iter(records))))


def main() -> None:
    """Load once and print the line; CPU time is that of the workers."""
    options = script.parse_options()
    records = script.read_records(options)
    connection = connect(options.dburl)
    connection.cursor().execute(script.TRUNCATE)
    connection.close()
    context = multiprocessing.get_context("fork")
    ready, results = context.Barrier(options.poolsize), context.SimpleQueue()
    workers = [
        context.Process(target=work, args=(options.dburl, records[number :: options.poolsize], ready, results))
        for number in range(options.poolsize)
    ]
    for worker in workers:
        worker.start()
    taken = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    wall_s, user_s, system_s = zip(*taken)
    script.report(records, (max(wall_s), sum(user_s), sum(system_s)))


if __name__ == "__main__":
    main()
