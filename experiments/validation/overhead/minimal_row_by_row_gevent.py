"""The least code that does the data phase with psycopg2 and gevent: what ``row_by_row_gevent`` is held against."""

from __future__ import annotations

from typing import Any

import gevent
from gevent.socket import wait_read, wait_write
from psycopg2 import extensions

from experiments.validation.overhead import script
from experiments.validation.overhead.minimal_row_by_row_threaded import connect, load


def wait(connection: Any) -> None:
    """Let other greenlets run until the connection has its answer."""
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        if state == extensions.POLL_READ:
            wait_read(connection.fileno())
        else:
            wait_write(connection.fileno())


def main() -> None:
    """Load once and print the line."""
    options = script.parse_options()
    records = script.read_records(options)
    shared = iter(records)
    extensions.set_wait_callback(wait)
    connections = [connect(options.dburl) for _ in range(options.poolsize)]
    connections[0].cursor().execute(script.TRUNCATE)

    def run() -> None:
        gevent.joinall([gevent.spawn(load, connection, shared) for connection in connections], raise_error=True)

    script.report(records, script.measure(run))


if __name__ == "__main__":
    main()
