"""The least code that does the data phase with psycopg2 and one connection: for ``row_by_row_serial``."""

from __future__ import annotations

from experiments.validation.overhead import script
from experiments.validation.overhead.minimal_row_by_row_threaded import connect, load


def main() -> None:
    """Load once and print the line."""
    options = script.parse_options()
    records = script.read_records(options)
    connection = connect(options.dburl)
    connection.cursor().execute(script.TRUNCATE)
    script.report(records, script.measure(lambda: load(connection, iter(records))))


if __name__ == "__main__":
    main()
