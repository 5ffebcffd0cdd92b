"""run: load the records of a directory with one loader, and measure it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any, Mapping, TextIO

from bigdata.census.source import Source
from bigdata.choice import Choice, check_choice
from bigdata.commands.options import add_driver_arguments, add_source_arguments, driver_arguments, open_named_source
from bigdata.database.dburl import check_url
from bigdata.errors import LoadFailed
from bigdata.measurement.loop_lag import LoopLag
from bigdata.measurement.profiling import Profiler
from bigdata.preparation import Preparation, check_driver, prepare, verify
from bigdata.registry import expected_transactions
from bigdata.reporting.report_file import STANDARD_OUTPUT, check_target, write_report
from bigdata.reporting.result_line import SCHEMA, client_report, phase_report
from bigdata.reporting.summary import print_statements, print_summary
from bigdata.runtimes.job import Job, Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare LOADER and the options of a load."""
    parser.add_argument("loader", metavar="LOADER", help="a name that the verb list shows")
    add_source_arguments(parser, required=True)
    parser.add_argument("--poolsize", type=int, required=True, metavar="N", help="workers; each has one connection")
    add_driver_arguments(parser)
    parser.add_argument("--no-autocommit", action="store_true", help="one transaction per record, not per statement")
    parser.add_argument("--allow-executemany", action="store_true", help="INSERT a record's values with executemany")
    parser.add_argument("--report", metavar="FILE|-", help="write the measurements as one JSON line")
    parser.add_argument("--echo", action="store_true", help="print each distinct statement with its count")
    parser.add_argument("--profile", action="store_true", help="profile the hot loops and print the top")
    # For explanations only: it makes a thread besides those that are measured.
    parser.add_argument("--loop-lag", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--prepared", action="store_true", help="skip preparation and verification, which the caller does"
    )


def run(options: argparse.Namespace) -> int:
    """Check, prepare, load, verify, report."""
    choice = check_choice(
        options.loader,
        options.loop,
        options.poolsize,
        options.allow_executemany,
        options.protocol,
        options.implementation,
    )
    url = check_url(options.dburl)
    check_target(options.report)
    source = open_named_source(options)
    people = sys.stderr if options.report == STANDARD_OUTPUT else sys.stdout
    session = None if options.prepared else check_driver(url, options.loader, driver_arguments(options))
    preparation = None if options.prepared else prepare(url, options.poolsize)

    statements: Counter[str] | None = Counter() if options.echo else None
    profiler = Profiler() if options.profile else None
    job = _job(options, choice, url, source, statements, profiler)
    outcome = choice.run(job)

    report = {**_report(choice, job, outcome), "session": session}
    problem = None if preparation is None else _verify(report, url, options, choice, preparation)
    if options.report:
        write_report(report, options.report)
    _tell(people, choice, outcome, report, statements, profiler)
    if problem:
        raise LoadFailed(problem)
    return 0


def _job(
    options: argparse.Namespace,
    choice: Choice,
    url: str,
    source: Source,
    statements: Counter[str] | None,
    profiler: Profiler | None,
) -> Job:
    return Job(
        driver=choice.driver,
        url=url,
        poolsize=options.poolsize,
        autocommit=not options.no_autocommit,
        executemany=options.allow_executemany,
        protocol=choice.protocol,
        phases=(
            ("geo", source.geo_records(), lambda record: 1),
            ("data", source.data_records(), lambda record: len(record.values)),
        ),
        statements=statements,
        profiler=profiler,
        loop_lag=LoopLag() if options.loop_lag else None,
    )


def _report(choice: Choice, job: Job, outcome: Outcome) -> dict[str, Any]:
    data = outcome.measured["data"]
    report = {
        "schema": SCHEMA,
        "loader": choice.loader.name,
        "loop": choice.loop,
        "protocol": choice.protocol,
        "poolsize": job.poolsize,
        "transaction": "autocommit" if job.autocommit else "per_record",
        "inserts": "executemany" if job.executemany else "execute",
        "phases": {name: phase_report(measured) for name, measured in outcome.measured.items()},
        "client": client_report(
            choice.loader,
            choice.loop,
            data,
            outcome.children_peak_rss_bytes,
            outcome.taken["data"],
            outcome.programs,
        ),
        "work": {
            "digest": None,
            "geo_records": outcome.records["geo"],
            "data_records": outcome.records["data"],
            "rows": data.rows,
            "transactions": None,
            "records_read_ahead": outcome.read_ahead,
            "records_streamed": outcome.streamed,
        },
    }
    if job.loop_lag is not None and data.started_s is not None and data.ended_s is not None:
        report["loop_lag_s"] = job.loop_lag.percentiles(data.started_s, data.ended_s)
    return report


def _verify(
    report: dict[str, Any], url: str, options: argparse.Namespace, choice: Choice, preparation: Preparation
) -> str | None:
    """Add the server's numbers to the report's ``work``; return what is wrong with the load, or None."""
    work = report["work"]
    expected = expected_transactions(
        choice.loader,
        geo_records=work["geo_records"],
        data_records=work["data_records"],
        rows=work["rows"],
        poolsize=options.poolsize,
        autocommit=not options.no_autocommit,
        executemany=options.allow_executemany,
    )
    found = verify(
        url,
        options.directory,
        options.records,
        options.segments,
        preparation,
        expected,
        values_differ=choice.loader.values_differ,
    )
    work["digest"], work["transactions"] = found.of_tables, found.transactions
    return found.problem


def _tell(
    people: TextIO,
    choice: Choice,
    outcome: Outcome,
    report: Mapping[str, Any],
    statements: Counter[str] | None,
    profiler: Profiler | None,
) -> None:
    print_summary(people, choice, outcome, report["client"])
    if statements is not None:
        print_statements(people, statements)
    if profiler is not None:
        profiler.print_top(people)
