"""prove that PostgreSQL sees the same statements of every loader, and show what each driver sends for them"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from experiments.campaign.datasets import provide
from experiments.cli.options import add_python, add_results, choose_loaders, show_progress
from experiments.engines.loader_report import RunFailed
from experiments.engines.local.engine import LocalEngine
from experiments.engines.select import default_python
from experiments.environment.cache import cache_folder
from experiments.environment.hashes import source_hash
from experiments.environment.host import describe_environment
from experiments.errors import Failure
from experiments.files import write_whole
from experiments.formatting import count
from experiments.matrix.spec import DataSet, PostgresConfiguration
from experiments.records.campaign import LOCAL
from experiments.validation.same_sql import tables
from experiments.validation.same_sql.findings import Finding, variants
from experiments.validation.same_sql.runs import Workplace, examine_all, prepare

POSTGRESQL_MAJOR = "17"
RECORDS = 10
CONNECTIONS = 20


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("loaders", metavar="LOADER", nargs="*", help="only these (default: all, and write the results)")
    add_python(parser)
    add_results(parser, LOCAL.parent)


def run(options: Namespace) -> int:
    """Print the table; write it for all loaders without differences; return 1 if there are any."""
    loaders = choose_loaders(options.loaders)
    try:
        with LocalEngine() as engine:
            work = make_workplace(engine, options.python, RECORDS)
            findings = list(examine_all(work, list(variants(loaders)), show_progress))
            facts = describe(work)
    except RunFailed as failure:
        raise Failure(failure.reason) from failure
    differences = print_findings(findings)
    if differences:
        return 1
    if not options.loaders:
        write_results(options.results, tables.markdown_page(findings, facts, work.amount), tables.csv_table(findings))
    return 0


def print_findings(findings: Sequence[Finding]) -> list[str]:
    """Print the table, what could not run, every difference and the conclusion; return the differences."""
    print(tables.wire_table(findings, "simple"))
    for line in tables.unsupported_lines(findings):
        print(f"cannot run: {line}")
    differences = tables.difference_lines(findings)
    for line in differences:
        print(f"DIFFERENT: {line}")
    if differences:
        print(f"{count(len(differences), 'difference')} in {count(len(findings), 'way')} to load")
    else:
        ran = sum(finding.observation is not None for finding in findings)
        print(
            f"the same statements in all of {count(ran, 'way')} to load, "
            "each in every way of committing and inserting that it has, and in every workload"
        )
    return differences


def write_results(folder: Path, page: str, table: str) -> None:
    """Replace both files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "ledger.csv", table)
    write_whole(folder / "ledger.md", page)
    print(f"wrote {folder / 'ledger.md'} and {folder / 'ledger.csv'}")


def make_workplace(engine: LocalEngine, python: str | None, records: int) -> Workplace:
    """Prepare interpreter, server and data; ``python`` None is the newest with a lock."""
    configuration = PostgresConfiguration(
        POSTGRESQL_MAJOR, "disk", settings={"shared_preload_libraries": "pg_stat_statements"}
    )
    server = engine.serve("ledger", configuration, max_connections=CONNECTIONS)
    data = provide(DataSet("synthetic", state="NY", records=records), cache=cache_folder(), source=source_hash())
    work = Workplace(engine.loader_host(python or default_python(engine)), server, data)
    prepare(work)
    return work


def describe(work: Workplace) -> tuple[str, ...]:
    """Return time, versions and machine, line by line: no path, no host name."""
    host, here = work.host.facts, describe_environment(cache_folder())
    changed = " with uncommitted changes" if here.uncommitted_changes else ""
    return (
        f"Made by `nox -s ledger` at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}, "
        f"commit {here.commit}{changed}",
        f"Python {host.version}, PostgreSQL {work.server.facts.version}",
        f"{here.system}, {here.kernel}, {here.machine}",
        f"Fixture: {count(work.data.geo_records, 'geo record')} and {count(work.data.data_records, 'data record')} "
        f"with {count(work.data.rows, 'value')} (synthetic)",
    )
