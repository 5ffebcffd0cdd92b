"""prove that PostgreSQL sees the same statements of every loader, and show what each driver sends for them"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from experiments.campaign.datasets import provide
from experiments.cli.choose_loaders import choose_loaders
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
from experiments.validation.same_sql.findings import Finding, variants
from experiments.validation.same_sql.runs import Workplace, examine_all, make_ready
from experiments.validation.same_sql.tables import (
    csv_table,
    difference_lines,
    markdown_page,
    unsupported_lines,
    wire_table,
)

POSTGRESQL_MAJOR = "17"
RECORDS = 10
CONNECTIONS = 20


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("loaders", metavar="LOADER", nargs="*", help="only these (default: all, and write the results)")
    parser.add_argument("--python", metavar="X.Y", help="the loader's Python (default: the newest that has a lock)")
    parser.add_argument(
        "--results", metavar="DIR", type=Path, default=Path("results"), help="where to write (default: results)"
    )


def run(options: Namespace) -> int:
    """Print the table, and write it where all loaders were asked for and nothing differed; 1 for a difference."""
    loaders = choose_loaders(options.loaders)
    try:
        with LocalEngine() as engine:
            work = make_workplace(engine, options.python, RECORDS)
            findings = list(examine_all(work, list(variants(loaders)), _tell))
            facts = describe(work)
    except RunFailed as trouble:
        raise Failure(trouble.reason) from trouble
    differences = tell_findings(findings)
    if differences:
        return 1
    if not options.loaders:
        write_results(options.results, markdown_page(findings, facts, work.amount), csv_table(findings))
    return 0


def tell_findings(findings: Sequence[Finding]) -> list[str]:
    """Print the table, what could not run, every difference and the conclusion; returns the differences."""
    print(wire_table(findings, "simple"))
    for line in unsupported_lines(findings):
        print(f"cannot run: {line}")
    differences = difference_lines(findings)
    for line in differences:
        print(f"DIFFERENT: {line}")
    if differences:
        print(f"{count(len(differences), 'difference')} in {count(len(findings), 'way')} to load")
    else:
        ran = sum(finding.observation is not None for finding in findings)
        print(
            f"the same statements in all of {count(ran, 'way')} to load, "
            "each in every way of committing and inserting that it has"
        )
    return differences


def write_results(folder: Path, page: str, table: str) -> None:
    """Replace both files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "ledger.csv", table)
    write_whole(folder / "ledger.md", page)
    print(f"wrote {folder / 'ledger.md'} and {folder / 'ledger.csv'}")


def make_workplace(engine: LocalEngine, python: str | None, records: int) -> Workplace:
    """Interpreter, server and data made ready; ``python`` None is the newest that there is a lock for."""
    configuration = PostgresConfiguration(
        POSTGRESQL_MAJOR, "disk", settings={"shared_preload_libraries": "pg_stat_statements"}
    )
    server = engine.serve("ledger", configuration, max_connections=CONNECTIONS)
    data = provide(DataSet("synthetic", state="NY", records=records), cache=cache_folder(), source=source_hash())
    work = Workplace(engine.loader_host(python or default_python(engine.name, engine.pythons())), server, data)
    make_ready(work)
    return work


def describe(work: Workplace) -> tuple[str, ...]:
    """When and where, line by line: no path, no name of a machine."""
    host, here = work.host.facts, describe_environment(cache_folder())
    changed = " with uncommitted changes" if here["uncommitted_changes"] else ""
    return (
        f"Made by `nox -s ledger` at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}, "
        f"commit {here['commit']}{changed}",
        f"Python {host.version}, PostgreSQL {work.server.facts.version}",
        f"{here['system']}, {here['kernel']}, {here['machine']}",
        f"Fixture: {count(work.data.geo_records, 'geo record')} and {count(work.data.data_records, 'data record')} "
        f"with {count(work.data.rows, 'value')} (synthetic)",
    )


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
