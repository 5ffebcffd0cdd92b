"""Options shared by several verbs."""

from __future__ import annotations

import argparse
from pathlib import Path

from bigdata.census.source import Source, open_source
from bigdata.database.transactions import SETTLE_WITHIN_S
from bigdata.registry import CHECKOUTS, IMPLEMENTATIONS, LOOP_PACKAGES, PROTOCOLS


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


def open_named_source(options: argparse.Namespace) -> Source:
    """Return the source that the options name. Raises BadInput if it cannot be used."""
    return open_source(options.directory, options.segments, options.records)
