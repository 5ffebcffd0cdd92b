"""sample: look at what the connections of the database do, again and again, until SIGTERM or Ctrl-C; then tell."""

from __future__ import annotations

import argparse
import time

from bigdata.database.dburl import check_url, connect_aside
from bigdata.measurement.activity import APPLICATION_NAME, Activity
from bigdata.reporting.report_file import STANDARD_OUTPUT, check_target, write_report
from bigdata.reporting.result_line import SCHEMA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--report."""
    parser.add_argument(
        "--report", metavar="FILE|-", default=STANDARD_OUTPUT, help="where the JSON line goes; default: standard output"
    )


def run(options: argparse.Namespace) -> int:
    """Beside a load, in a process of its own: what it takes is none of the loader's.

    Raises BadInput where the server has no other database that can be opened, LoadFailed where it ends.
    """
    url = check_url(options.dburl)
    check_target(options.report)
    connection = connect_aside(url, application_name=APPLICATION_NAME)
    activity = Activity(connection, url)
    cpu_before_s = time.process_time()
    try:
        while True:
            activity.look()
            time.sleep(activity.interval_s)
    except KeyboardInterrupt:
        # What SIGTERM raises, too: it is how this ends.
        cpu_s = time.process_time() - cpu_before_s
    report = {"schema": SCHEMA, "cpu_s": round(cpu_s, 6), "groups": activity.groups, "samples": activity.samples}
    write_report(report, options.report)
    connection.close()
    return 0
