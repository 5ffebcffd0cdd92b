"""The least code that does the data phase with psycopg 3 and threads: for ``row_by_row_psycopg_threaded``."""

from __future__ import annotations

import threading
from typing import Any, Iterator

import psycopg

from experiments.validation.overhead import script
from experiments.validation.overhead.script import INSERT_ELEMENT, SELECT_GEO_ID, SELECT_ITEM_IDS


def load(connection: Any, records: Iterator[Any]) -> None:
    """One worker: records until there are no more."""
    with connection.cursor() as cursor:
        for fileid, stusab, logrecno, segment, values in records:
            cursor.execute(SELECT_GEO_ID, (fileid, stusab, logrecno))
            (geo_record_id,) = cursor.fetchone()
            cursor.execute(SELECT_ITEM_IDS, (segment,))
            for (item_id,), value in zip(cursor.fetchall(), values):
                cursor.execute(INSERT_ELEMENT, (geo_record_id, item_id, value))


def connect(dburl: str) -> Any:
    """One connection, in autocommit mode, that prepares every statement when it first has it."""
    return psycopg.connect(dburl, autocommit=True, prepare_threshold=0)


def main() -> None:
    """Load once and print the line."""
    options = script.parse_options()
    records = script.read_records(options)
    shared = iter(records)
    connections = [connect(options.dburl) for _ in range(options.poolsize)]
    connections[0].execute(script.TRUNCATE)
    threads = [threading.Thread(target=load, args=(connection, shared)) for connection in connections]

    def run() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    script.report(records, script.measure(run))


if __name__ == "__main__":
    main()
