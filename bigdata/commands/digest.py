"""digest: the digest of files in a directory, or of tables in a database; equal digests prove a complete load."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from typing import Any

from bigdata.census.digest_files import digest_of
from bigdata.census.digest_operations import digest_operations
from bigdata.commands.options import add_rest_argument, add_source_arguments, open_named_source
from bigdata.database.dburl import check_url, open_connection
from bigdata.database.table_scans import scans_of
from bigdata.database.transactions import read_transactions
from bigdata.database.verification import digest_tables
from bigdata.errors import BadInput
from bigdata.registry import OPERATING, USUAL_POOLSIZE
from bigdata.reporting.report_file import check_target, write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --directory and its selection, --poolsize, --expect-transactions, --rest-within and --report."""
    add_source_arguments(parser, required=False)
    parser.add_argument(
        "--poolsize", type=int, metavar="N", help=f"of --directory: operations for so many; default: {USUAL_POOLSIZE}"
    )
    parser.add_argument(
        "--expect-transactions", type=int, metavar="N", help="wait (2 s at most) until the server has counted this many"
    )
    add_rest_argument(parser)
    parser.add_argument("--report", metavar="FILE|-", help="write the digest as one JSON line")


def run(options: argparse.Namespace) -> int:
    """Print or write the digest; with --directory no database is needed."""
    check_target(options.report)
    if options.directory is None and (options.records, options.segments, options.poolsize) != (None, None, None):
        raise BadInput("--records, --segments, --poolsize: select from files; name them with --directory")
    if options.poolsize is not None and options.poolsize < 1:
        raise BadInput(f"--poolsize: found {options.poolsize}, expected at least 1")
    report = _of_files(options) if options.directory else _of_tables(options)
    if options.report:
        write_report(report, options.report)
    else:
        print(json.dumps(report, indent=2))
    return 0


def _of_files(options: argparse.Namespace) -> dict[str, Any]:
    source = open_named_source(options)
    work = digest_of(source)
    digest = partial(digest_operations, source, work=work, poolsize=options.poolsize or USUAL_POOLSIZE)
    workloads, open_loops = (
        {name: asdict(digest(workload, is_open=is_open)) for name, workload in OPERATING.items()}
        for is_open in (False, True)
    )
    return {
        "digest": work.digest,
        "geo_records": work.geo_records,
        "data_records": work.data_records,
        "rows": work.rows,
        "inserts": asdict(work.inserts),
        "workloads": workloads,
        "open_loops": open_loops,
    }


def _of_tables(options: argparse.Namespace) -> dict[str, Any]:
    url = check_url(options.dburl)
    # First, because opening the database is itself a transaction.
    counted = read_transactions(url, options.expect_transactions, options.rest_within)
    with open_connection(url) as connection:
        # Before the tables are digested, for which they are scanned.
        scans = scans_of(connection)
        found = digest_tables(connection)
    return {
        "digest": found.digest,
        "geo_records": found.geo_records,
        "rows": found.rows,
        "scans": scans,
        "xact_commit": counted.transactions,
        "at_rest": counted.at_rest,
    }
