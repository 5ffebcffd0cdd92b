"""round-trip: measure round trip time and difference of the clocks between this process and an idle server."""

from __future__ import annotations

import argparse
import time
from typing import Any

from bigdata.database.dburl import check_url, connect_aside
from bigdata.errors import BadInput
from bigdata.measurement.round_trip import measure_clock_offset_s, measure_round_trip_s, read_tls
from bigdata.reporting.report_file import STANDARD_OUTPUT, check_target, write_report
from bigdata.reporting.result_line import SCHEMA

_PAUSE_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --within and --report."""
    parser.add_argument(
        "--within", type=float, default=0.0, metavar="S", help="try so long to connect, as a relay may still start"
    )
    parser.add_argument(
        "--report", metavar="FILE|-", default=STANDARD_OUTPUT, help="where the JSON line goes; default: standard output"
    )


def run(options: argparse.Namespace) -> int:
    """Measure over a connection to another database. Raises BadInput if it cannot be opened in time."""
    url = check_url(options.dburl)
    check_target(options.report)
    deadline_s = time.monotonic() + options.within
    while True:
        try:
            connection = connect_aside(url)
            break
        except BadInput:
            if time.monotonic() >= deadline_s:
                raise
            time.sleep(_PAUSE_S)
    report: dict[str, Any] = {"schema": SCHEMA, "round_trip_s": round(measure_round_trip_s(connection), 7)}
    report["clock_offset_s"] = round(measure_clock_offset_s(connection), 7)
    report["tls"] = read_tls(connection)
    connection.close()
    write_report(report, options.report)
    return 0
