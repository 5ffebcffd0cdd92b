"""netem: have the kernel delay what passes on the loopback interface of this network namespace; 0 ms ends that."""

from __future__ import annotations

import argparse

from bigdata.commands.options import add_delay_arguments, read_delay
from bigdata.measurement.netem import remove_delay, set_delay
from bigdata.reporting.report_file import check_target, write_report
from bigdata.reporting.result_line import SCHEMA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --rtt-ms, --jitter-ms and --report."""
    add_delay_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Set or remove the delay. Raises BadInput for a time that cannot be used, LoadFailed where the kernel cannot."""
    rtt_s, jitter_s = read_delay(options)
    check_target(options.report)
    if rtt_s:
        set_delay(rtt_s, jitter_s)
    else:
        remove_delay()
    write_report({"schema": SCHEMA, "rtt_s": rtt_s, "jitter_s": jitter_s}, options.report)
    return 0
