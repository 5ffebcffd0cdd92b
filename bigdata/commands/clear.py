"""clear: create what is missing, remove the loaded rows or fill the tables, and leave the server at rest."""

from __future__ import annotations

import argparse

from bigdata.commands.options import add_rest_argument, add_source_arguments, open_named_source
from bigdata.database.dburl import check_url, open_connection
from bigdata.database.filling import fill
from bigdata.database.marked_tables import Found, check_poolsize, clear_rows, find_tables
from bigdata.database.table_scans import read_scans
from bigdata.database.transactions import read_transactions
from bigdata.errors import BadInput
from bigdata.measurement.round_trip import measure_aside_s
from bigdata.reporting.report_file import check_target, write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --poolsize, --directory and its selection, --mark, --rest-within and --report."""
    parser.add_argument("--poolsize", type=int, help="fail unless the server allows this many connections")
    # Then the tables are filled with these records, by COPY, for workloads that find their data loaded.
    add_source_arguments(parser, required=False)
    parser.add_argument("--mark", metavar="TEXT", help="with --directory: leave tables that were filled with this mark")
    add_rest_argument(parser)
    parser.add_argument(
        "--report", metavar="FILE|-", help="write server version, transactions and round trip as one JSON line"
    )


def run(options: argparse.Namespace) -> int:
    """Clear the tables, which is fast if they are complete: SQLAlchemy is imported only to create them."""
    url = check_url(options.dburl)
    check_target(options.report)
    source = open_named_source(options) if options.directory else None
    with open_connection(url) as connection:
        found = find_tables(connection)
        if options.poolsize is not None:
            check_poolsize(connection, options.poolsize)
        if not found.whole:
            create_tables(url, found)
        if source is None:
            clear_rows(connection)
        server_version = connection.get_parameter_status("server_version").split()[0]
    if source is not None:
        fill(url, source, options.mark)
    if options.report:
        report = {"schema": 1, "server_version": server_version, "scans": read_scans(url, options.rest_within)}
        # Last, because opening the database is itself a transaction.
        counted = read_transactions(url, rest_within_s=options.rest_within)
        report = {**report, "xact_commit": counted.transactions, "at_rest": counted.at_rest}
        report["round_trip_s"] = _round_trip_s(url)
        write_report(report, options.report)
    return 0


def _round_trip_s(url: str) -> float | None:
    """Measure by statements to another database; return None if no other can be opened."""
    try:
        return measure_aside_s(url)
    except BadInput:
        return None


def create_tables(url: str, found: Found) -> None:
    """Drop and create the tables. Raises BadInput if SQLAlchemy is not installed."""
    try:
        from bigdata.database.setup_db import rebuild
    except ImportError as error:
        raise BadInput(f"cannot create the tables without SQLAlchemy ({error}): pip install SQLAlchemy") from error
    rebuild(url, found.tables)
