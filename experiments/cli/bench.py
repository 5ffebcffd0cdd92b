"""compare each loader with a minimal hand-written script, and reading with a bare loop"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from bigdata.registry import Loader
from experiments.analysis.stats import with_interval
from experiments.campaign.datasets import provide
from experiments.cli.options import choose_loaders, show_progress
from experiments.engines.loader_report import RunFailed
from experiments.engines.local.engine import LocalEngine
from experiments.engines.select import default_python
from experiments.environment.affinity import place
from experiments.environment.cache import cache_folder
from experiments.environment.hashes import source_hash
from experiments.errors import BadInput, Failure
from experiments.matrix.spec import DataSet, PostgresConfiguration, Resources
from experiments.matrix.values import SPARE_CONNECTIONS
from experiments.validation.overhead.compare import Bench, Comparison, Skipped, compare_loaders, compare_reading

# Enough to spend most of a run's CPU time in the loop and not around it.
RECORDS = 100
READING_RECORDS = 5_000
LARGEST_RATIO = 1.05
"""Limit for a loader's client CPU per row over that of its minimal script: any excess is measured with the driver."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line options."""
    parser.add_argument("loaders", metavar="LOADER", nargs="*", help="only these (default: all loaders, and reading)")
    parser.add_argument("--pairs", type=int, default=10, metavar="N", help="pairs of runs per comparison (default: 10)")
    parser.add_argument("--poolsize", type=int, default=20, metavar="N", help="number of connections (default: 20)")
    parser.add_argument("--python", metavar="X.Y", help="Python of the loaders (default: the newest that has a lock)")
    parser.add_argument(
        "--data",
        metavar="DIRECTORY",
        type=Path,
        help=f"folder whose first state is read (default: {READING_RECORDS} generated records)",
    )


def run(options: Namespace) -> int:
    """Print both tables; return 1 if a loader certainly costs more than its script and the limit allow."""
    loaders = choose_loaders(options.loaders)
    for name in ("pairs", "poolsize"):
        if getattr(options, name) < 1:
            raise BadInput(f"--{name}: {getattr(options, name)} is too small; expected 1 or more")
    try:
        with LocalEngine() as engine:
            found = _compare(options, loaders, engine)
    except RunFailed as trouble:
        raise Failure(trouble.reason) from trouble
    costly = find_costly(found)
    for one in costly:
        print(f"{one.name}: costs more than {LARGEST_RATIO} times its minimal script", file=sys.stderr)
    return 1 if costly else 0


def find_costly(found: Iterable[Comparison | Skipped]) -> list[Comparison]:
    """Return the comparisons whose whole interval lies above the limit."""
    return [
        one
        for one in found
        if isinstance(one, Comparison) and one.ratio.low is not None and one.ratio.low > LARGEST_RATIO
    ]


def _compare(options: Namespace, loaders: Sequence[Loader], engine: LocalEngine) -> Sequence[Comparison | Skipped]:
    """Compare and print; return the comparisons of the loaders."""
    bench = make_bench(engine, python=options.python, records=RECORDS, poolsize=options.poolsize, pairs=options.pairs)
    heading = f"Python {bench.host.facts.version}, PostgreSQL {bench.server.facts.version} on disk"
    print(f"Client CPU per row (us), {heading}, poolsize {bench.poolsize}, {bench.pairs} pairs")
    found = list(compare_loaders(bench, loaders, show_progress))
    print(_table([one for one in found if isinstance(one, Comparison)], "minimal script"), end="\n\n")
    for one in found:
        if isinstance(one, Skipped):
            print(f"{one.name} cannot run: {one.reason}")
    if options.loaders:
        return found
    generated = DataSet("synthetic", state="RI", records=READING_RECORDS)
    directory = options.data or provide(generated, cache=cache_folder(), source=source_hash()).directory
    print(f"CPU to read one state's segment 01 (ms), {heading.partition(',')[0]}, {bench.pairs} passes")
    print(_table(compare_reading(bench, directory, show_progress), "bare split"))
    return found


def make_bench(engine: LocalEngine, *, python: str | None, records: int, poolsize: int, pairs: int) -> Bench:
    """Prepare interpreter, server, cores and data; without ``python`` the newest one that has a lock."""
    resources = Resources(loader_cpuset="0", server_cpuset="rest")
    placement = place(resources, engine.cores())
    configuration = PostgresConfiguration("17", "disk")
    server = engine.serve("bench", configuration, max_connections=poolsize + SPARE_CONNECTIONS)
    server.place(placement)
    data = provide(DataSet("synthetic", state="NY", records=records), cache=cache_folder(), source=source_hash())
    host = engine.loader_host(python or default_python(engine))
    return Bench(host, server, placement, data, records, poolsize, pairs)


def _table(comparisons: Iterable[Comparison], other: str) -> str:
    rows = [
        [one.name, f"{one.ours.value:.2f}", f"{one.other.value:.2f}", with_interval(one.ratio, ".3f")]
        for one in comparisons
    ]
    return tabulate(rows, ["", "ours", other, "ratio (95% interval)"], disable_numparse=True, stralign="left")
