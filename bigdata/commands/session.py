"""session: show database, server and settings that a connection of set-up gets, as one JSON line."""

from __future__ import annotations

import argparse

from bigdata.database import statements as sql
from bigdata.database.dburl import check_url, open_connection
from bigdata.database.session import session_of
from bigdata.reporting.report_file import STANDARD_OUTPUT, check_target, write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --report."""
    parser.add_argument(
        "--report", metavar="FILE|-", default=STANDARD_OUTPUT, help="where the JSON line goes; default: standard output"
    )


def run(options: argparse.Namespace) -> int:
    """Connect and ask."""
    url = check_url(options.dburl)
    check_target(options.report)
    with open_connection(url) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SESSION)
        write_report({"schema": 1, "session": session_of(cursor.fetchall())}, options.report)
    return 0
