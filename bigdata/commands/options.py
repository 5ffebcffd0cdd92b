"""Options shared by several verbs."""

from __future__ import annotations

import argparse
from pathlib import Path

from bigdata.census.source import Source, open_source
from bigdata.database.transactions import SETTLE_WITHIN_S
from bigdata.errors import BadInput
from bigdata.registry import CHECKOUTS, IMPLEMENTATIONS, LOOP_PACKAGES, PROTOCOLS
from bigdata.reporting.report_file import STANDARD_OUTPUT

LONGEST_DELAY_MS = 60_000.0


def add_source_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Declare --directory, --records and --segments, which select files and records."""
    parser.add_argument("--directory", type=Path, required=required, help="folder with Census zip files")
    parser.add_argument("--records", type=int, metavar="N", help="only the first N logical records of each state")
    parser.add_argument("--segments", type=segment_numbers, metavar="01,02", help="only these segments")


def add_driver_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --loop, --protocol, --implementation and --checkout of the driver."""
    parser.add_argument(
        "--loop", metavar="|".join(("asyncio", *LOOP_PACKAGES)), help="event loop, for loaders that have one"
    )
    parser.add_argument(
        "--protocol", metavar="|".join(PROTOCOLS), help="how statements reach the server; default: the loader's first"
    )
    parser.add_argument(
        "--implementation", metavar="|".join(IMPLEMENTATIONS), help="implementation of psycopg; default: its own choice"
    )
    parser.add_argument(
        "--checkout",
        default=CHECKOUTS[0],
        metavar="|".join(CHECKOUTS),
        help="when a worker takes a connection; default: per_worker, one for all its operations",
    )


def add_delay_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --rtt-ms and --jitter-ms of what delays, and --report."""
    parser.add_argument("--rtt-ms", type=float, required=True, metavar="MS", help="round trip time")
    parser.add_argument(
        "--jitter-ms", type=float, default=0.0, metavar="MS", help="its variation either way; default: 0"
    )
    parser.add_argument(
        "--report", metavar="FILE|-", default=STANDARD_OUTPUT, help="where the JSON line goes; default: standard output"
    )


def read_delay(options: argparse.Namespace) -> tuple[float, float]:
    """Return round trip time and jitter in seconds. Raises BadInput for what cannot be used."""
    for name, value in (("rtt-ms", options.rtt_ms), ("jitter-ms", options.jitter_ms)):
        if not 0 <= value <= LONGEST_DELAY_MS:
            raise BadInput(f"--{name}: found {value:g}, expected 0 to {LONGEST_DELAY_MS:,.0f}")
    return options.rtt_ms / 1e3, options.jitter_ms / 1e3


def driver_arguments(options: argparse.Namespace) -> list[str]:
    """Return the driver's options that were given, as arguments for another process."""
    given = {name: getattr(options, name) for name in ("loop", "protocol", "implementation", "checkout")}
    return [text for name, value in given.items() if value is not None for text in (f"--{name}", value)]


def add_rest_argument(parser: argparse.ArgumentParser) -> None:
    """Declare --rest-within, the longest wait for other clients to disconnect."""
    parser.add_argument(
        "--rest-within",
        type=float,
        default=SETTLE_WITHIN_S,
        metavar="S",
        help="with --report: wait at most this many seconds for other clients to disconnect; default: 2",
    )


def source_arguments(options: argparse.Namespace) -> list[str]:
    """Return the source's options that were given, as arguments for another process."""
    arguments = ["--directory", str(options.directory)]
    arguments += [] if options.records is None else ["--records", str(options.records)]
    return arguments + ([] if options.segments is None else ["--segments", ",".join(options.segments)])


def segment_numbers(text: str) -> list[str]:
    """Return '01,02' as a list of segment numbers, which the source checks."""
    return [number.strip() for number in text.split(",") if number.strip()]


def numbers_of_records(text: str) -> list[int]:
    """Return '4,34' as a list of numbers."""
    return [int(number) for number in text.split(",")]


def open_named_source(options: argparse.Namespace) -> Source:
    """Return the source that the options name. Raises BadInput if it cannot be used."""
    return open_source(options.directory, options.segments, options.records)
