"""sample: record the states of the database's connections until SIGTERM or Ctrl-C, then write the report."""

from __future__ import annotations

import argparse
import time

from bigdata.database.dburl import check_url, connect_aside
from bigdata.measurement.activity import APPLICATION_NAME, Activity
from bigdata.reporting.report_file import STANDARD_OUTPUT, check_target, write_report
from bigdata.reporting.result_line import SCHEMA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --report."""
    parser.add_argument(
        "--report", metavar="FILE|-", default=STANDARD_OUTPUT, help="where the JSON line goes; default: standard output"
    )


def run(options: argparse.Namespace) -> int:
    """Sample in a process of its own, so that its CPU time is not the loader's.

    Raises BadInput if the server has no other database that can be opened, LoadFailed if it ends.
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
