"""check: can a loader run here? It imports driver and loop, connects once and runs the hot loops over no records."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from bigdata.choice import Choice, check_choice
from bigdata.commands.options import add_driver_arguments
from bigdata.database.dburl import check_url
from bigdata.database.session import CheckedDriver, reported
from bigdata.errors import Unsupported
from bigdata.preparation import read_session
from bigdata.registry import CHECKOUTS, INGEST, LOOKUP
from bigdata.reporting.report_file import check_target, write_report
from bigdata.reporting.result_line import SCHEMA, client_report
from bigdata.reporting.summary import describe_choice
from bigdata.runtimes.job import Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare LOADER, the driver options and --report."""
    parser.add_argument("loader", metavar="LOADER", help="a name that the verb list shows")
    add_driver_arguments(parser)
    parser.add_argument("--report", metavar="FILE|-", help="write the answer as one JSON line")


def run(options: argparse.Namespace) -> int:
    """Print or write the answer; "no" is not an error. Raises BadInput if no server can be reached."""
    url = check_url(options.dburl)
    check_target(options.report)
    try:
        choice = check_choice(
            options.loader, options.loop, 1, False, options.protocol, options.implementation, options.checkout
        )
        client = _try(choice, url, pooled=options.checkout != CHECKOUTS[0])
    except Unsupported as reason:
        report: dict[str, Any] = {
            "schema": SCHEMA,
            "supported": False,
            "reason": str(reason),
            "client": None,
            "session": None,
        }
        message = f"{options.loader} cannot run here: {reason}"
    else:
        report = {"schema": SCHEMA, "supported": True, "reason": None, "client": client}
        report["session"] = reported(read_session(url))
        message = f"{options.loader}{describe_choice(choice, client)}: can run here"
    if options.report:
        write_report(report, options.report)
    else:
        print(message)
    return 0


def _try(choice: Choice, url: str, *, pooled: bool) -> dict[str, Any]:
    """Run a complete load without records."""
    driver: Any = CheckedDriver(choice.driver, choice.loader.driver, partial(read_session, url))
    job = Job(
        driver=driver,
        url=url,
        poolsize=1,
        autocommit=True,
        executemany=False,
        protocol=choice.protocol,
        phases=tuple((phase, iter(()), lambda record: 0) for phase in (("data",) if pooled else ("geo", "data"))),
        workload=LOOKUP.name if pooled else INGEST.name,
        pooled=pooled,
    )
    outcome = choice.run(job)
    return client_report(choice.loader, choice.loop, outcome.measured["data"], programs=outcome.programs)
