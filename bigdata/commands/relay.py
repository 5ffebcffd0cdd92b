"""relay: delay what loader and server say to each other, until SIGTERM or Ctrl-C, then write the report."""

from __future__ import annotations

import argparse
import time

from bigdata.commands.options import add_delay_arguments, read_delay
from bigdata.database.conninfo import effective_parameters
from bigdata.database.dburl import check_url
from bigdata.errors import BadInput
from bigdata.measurement.relay import Relay
from bigdata.reporting.report_file import check_target, write_report
from bigdata.reporting.result_line import SCHEMA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --port, --rtt-ms, --jitter-ms and --report."""
    parser.add_argument("--port", type=int, required=True, metavar="N", help="where it listens, on 127.0.0.1")
    add_delay_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Relay to the server that --dburl names. Raises BadInput for a port or a time that cannot be used."""
    parameters = effective_parameters(check_url(options.dburl))
    target = parameters.get("host") or "127.0.0.1", int(parameters.get("port") or 5432)
    check_target(options.report)
    delay = read_delay(options)
    try:
        relay = Relay("127.0.0.1", options.port, target, *delay)
    except (OSError, OverflowError) as error:
        raise BadInput(f"--port: {options.port} cannot be used: {error}") from error
    cpu_before_s = time.process_time()
    try:
        relay.run()
    except KeyboardInterrupt:
        # What SIGTERM raises, too: it is how this ends.
        cpu_s = time.process_time() - cpu_before_s
    write_report({"schema": SCHEMA, "cpu_s": round(cpu_s, 6), "cpu_times": relay.cpu_times}, options.report)
    return 0
