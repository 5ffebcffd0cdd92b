"""run: load the records of a directory with one loader, and measure it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any, Mapping, TextIO

from bigdata.census.source import Source
from bigdata.choice import Choice, check_choice
from bigdata.commands.options import (
    add_driver_arguments,
    add_source_arguments,
    driver_arguments,
    numbers_of_records,
    open_named_source,
    source_arguments,
)
from bigdata.database.dburl import check_url
from bigdata.errors import BadInput, LoadFailed, Unsupported
from bigdata.measurement.arrivals import arrivals_report
from bigdata.measurement.loop_lag import LoopLag
from bigdata.measurement.profiling import Profiler
from bigdata.preparation import Preparation, check_driver, prepare, verify
from bigdata.registry import (
    CHECKOUTS,
    INGEST,
    OPERATING,
    WORKLOADS,
    Workload,
    expected_transactions,
    operating_transactions,
)
from bigdata.reporting.report_file import STANDARD_OUTPUT, check_target, write_report
from bigdata.reporting.result_line import SCHEMA, client_report, phase_report
from bigdata.reporting.summary import print_statements, print_summary
from bigdata.runtimes.job import Job, Outcome
from bigdata.runtimes.open_loop import Schedule

LEAST_ARRIVALS_PER_S, MOST_ARRIVALS_PER_S = 0.001, 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare LOADER and the options of a load."""
    parser.add_argument("loader", metavar="LOADER", help="a name that the verb list shows")
    add_source_arguments(parser, required=True)
    parser.add_argument("--poolsize", type=int, required=True, metavar="N", help="workers; each has one connection")
    add_driver_arguments(parser)
    parser.add_argument(
        "--workload", default=INGEST.name, metavar="|".join(WORKLOADS), help="what is repeated; default: ingest"
    )
    parser.add_argument(
        "--arrivals", type=float, metavar="N", help="open loop: N operations per second, by a Poisson process"
    )
    parser.add_argument("--no-autocommit", action="store_true", help="one transaction per record, not per statement")
    parser.add_argument("--allow-executemany", action="store_true", help="INSERT a record's values with executemany")
    parser.add_argument("--report", metavar="FILE|-", help="write the measurements as one JSON line")
    parser.add_argument("--echo", action="store_true", help="print each distinct statement with its count")
    parser.add_argument("--profile", action="store_true", help="profile the hot loops and print the top")
    # For explanations only: it makes a thread besides those that are measured.
    parser.add_argument("--loop-lag", action="store_true", help=argparse.SUPPRESS)
    # For counts only: the tables have what the phases before it would bring.
    parser.add_argument("--only-data", action="store_true", help=argparse.SUPPRESS)
    # Loads of so many records one after the other, in forks of this process.
    parser.add_argument("--forked", type=numbers_of_records, help=argparse.SUPPRESS)
    parser.add_argument(
        "--prepared", action="store_true", help="skip preparation and verification, which the caller does"
    )


def run(options: argparse.Namespace) -> int:
    """Check, prepare, load, verify, report; or load again and again."""
    if options.forked:
        from bigdata.measurement.forked_loads import run_forked

        write_report(run_forked(partial(_load_again, options), options.forked, options.poolsize), options.report)
        return 0
    _, problem = _measure(options)
    if problem:
        raise LoadFailed(problem)
    return 0


def _load_again(options: argparse.Namespace, records: int, poolsize: int) -> dict[str, Any]:
    """Load so many records into tables as the first load found them."""
    changed = {"records": records, "poolsize": poolsize, "prepared": True, "report": None}
    options = argparse.Namespace(**{**vars(options), **changed})
    prepare(check_url(options.dburl), poolsize, source_arguments(options) if options.only_data else ())
    report, _ = _measure(options)
    return report


def _measure(options: argparse.Namespace) -> tuple[dict[str, Any], str | None]:
    """Check, prepare, load, verify, report; return the report, and what is wrong with the load."""
    choice = check_choice(
        options.loader,
        options.loop,
        options.poolsize,
        options.allow_executemany,
        options.protocol,
        options.implementation,
        options.checkout,
    )
    workload = _check_workload(options, choice)
    url = check_url(options.dburl)
    check_target(options.report)
    source = open_named_source(options)
    people = sys.stderr if options.report == STANDARD_OUTPUT else sys.stdout
    session = None if options.prepared else check_driver(url, options.loader, driver_arguments(options))
    filling = [] if workload is INGEST else source_arguments(options)
    preparation = None if options.prepared else prepare(url, options.poolsize, filling)

    statements: Counter[str] | None = Counter() if options.echo else None
    profiler = Profiler() if options.profile else None
    job = _job(options, choice, url, source, statements, profiler)
    if workload is not INGEST:
        job = _operating(job, workload, source, options.arrivals)
    if options.only_data:
        job = replace(job, phases=job.phases[-1:])
    outcome = choice.run(job)

    report = {**_report(choice, job, outcome), "session": session}
    problem = None if preparation is None else _verify(report, url, options, choice, preparation)
    if options.report:
        write_report(report, options.report)
    _tell(people, choice, outcome, report, statements, profiler)
    return report, problem


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
        pooled=options.checkout != CHECKOUTS[0],
    )


def _check_workload(options: argparse.Namespace, choice: Choice) -> Workload:
    """Return the workload. Raises BadInput if it is unknown, or options mean nothing to it."""
    name = options.workload
    if name not in WORKLOADS:
        raise BadInput(f"--workload: found {name!r}, expected one of {', '.join(WORKLOADS)}")
    if name != INGEST.name:
        for option, given in (
            ("no-autocommit", options.no_autocommit),
            ("allow-executemany", options.allow_executemany),
        ):
            if given:
                raise BadInput(f"--{option}: means nothing to the workload {name}; leave it out")
        if choice.loader.ingests_only:
            raise BadInput(f"--workload: {choice.loader.name} has no other than {INGEST.name}")
    elif options.checkout != CHECKOUTS[0]:
        others = ", ".join(OPERATING)
        raise BadInput(f"--checkout: means nothing to the workload {name}; leave it out, or choose --workload {others}")
    if options.arrivals is not None:
        _check_arrivals(options.arrivals, name)
    return WORKLOADS[name]


def _check_arrivals(rate: float, workload: str) -> None:
    if workload == INGEST.name:
        raise BadInput(f"--arrivals: means nothing to the workload {workload}; choose another --workload")
    if not MOST_ARRIVALS_PER_S >= rate >= LEAST_ARRIVALS_PER_S:
        raise BadInput(f"--arrivals: found {rate:g}, expected {LEAST_ARRIVALS_PER_S:g} to {MOST_ARRIVALS_PER_S:g}")
    if sys.platform != "linux":
        raise Unsupported("--arrivals: needs Linux, whose timers are sharp enough")


def _operating(job: Job, workload: Workload, source: Source, arrivals: float | None) -> Job:
    """Return the job with the operations of a workload in the place of records, a few of them checked before."""
    # Not for all: a loader that ingests should hold nothing of this.
    from bigdata.census.operations import draw_operations
    from bigdata.runtimes.answers import Answers

    drawn = draw_operations(source, workload, job.poolsize, is_open=arrivals is not None)
    phases = (("check", iter(drawn.checked), drawn.rows_of), ("data", iter(drawn.timed), drawn.rows_of))
    job = replace(job, autocommit=workload.autocommit, workload=workload.name, phases=phases, answers=Answers())
    if arrivals is None:
        return job
    from bigdata.runtimes.timer import sharpen_sleep

    # Before any thread or process is started, which have this of their parent.
    sharpen_sleep()
    return replace(job, schedule=Schedule(arrivals))


def _report(choice: Choice, job: Job, outcome: Outcome) -> dict[str, Any]:
    data = outcome.measured["data"]
    report: dict[str, Any] = {
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
            "geo_records": outcome.records.get("geo"),
            "data_records": outcome.records["data"],
            "rows": data.rows,
            "transactions": None,
            "records_read_ahead": outcome.read_ahead,
            "records_streamed": outcome.streamed,
        },
    }
    if job.answers is not None:
        report["workload"], report["checkout"] = job.workload, CHECKOUTS[job.pooled]
        report["phases"]["data"]["operations"] = outcome.records["data"]
        report["work"]["checked"], report["work"]["answers"] = outcome.records.get("check", 0), job.answers.digest()
    if job.schedule is not None:
        report["arrivals"] = arrivals_report(job.schedule.rate, outcome.taken["data"])
    if job.loop_lag is not None and data.started_s is not None and data.ended_s is not None:
        report["loop_lag_s"] = job.loop_lag.percentiles(data.started_s, data.ended_s)
    return report


def _verify(
    report: dict[str, Any], url: str, options: argparse.Namespace, choice: Choice, preparation: Preparation
) -> str | None:
    """Add the server's numbers to the report's ``work``; return what is wrong with the load, or None."""
    work, loader = report["work"], choice.loader
    if "workload" in report:
        operations = work["checked"] + work["data_records"]
        expected = operating_transactions(
            loader,
            WORKLOADS[options.workload],
            operations=operations,
            poolsize=options.poolsize,
            protocol=choice.protocol,
        ).start
    else:
        expected = expected_transactions(
            loader,
            geo_records=work["geo_records"],
            data_records=work["data_records"],
            rows=work["rows"],
            poolsize=options.poolsize,
            autocommit=not options.no_autocommit,
            executemany=options.allow_executemany,
        )
    found = verify(url, source_arguments(options), preparation, expected, report, values_differ=loader.values_differ)
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
