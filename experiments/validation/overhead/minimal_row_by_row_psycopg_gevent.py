"""The least code that does the data phase with psycopg 3 and gevent: for ``row_by_row_psycopg_gevent``.

psycopg waits by gevent where it finds ``select`` patched when it is imported.
"""

from __future__ import annotations

import gevent
from gevent import monkey

monkey.patch_select()

from experiments.validation.overhead import script  # noqa: E402
from experiments.validation.overhead.minimal_row_by_row_psycopg_threaded import connect, load  # noqa: E402


def main() -> None:
    """Load once and print the line."""
    options = script.parse_options()
    records = script.read_records(options)
    shared = iter(records)
    connections = [connect(options.dburl) for _ in range(options.poolsize)]
    connections[0].execute(script.TRUNCATE)

    def run() -> None:
        gevent.joinall([gevent.spawn(load, connection, shared) for connection in connections], raise_error=True)

    script.report(records, script.measure(run))


if __name__ == "__main__":
    main()
