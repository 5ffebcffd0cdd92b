"""compare each loader with a minimal hand-written script, and reading with a bare loop"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from bigdata.registry import WORKLOADS, Loader
from experiments.analysis.stats import with_interval
from experiments.campaign.datasets import provide, providing
from experiments.campaign.prepare import Preparation
from experiments.cli.options import add_python, choose_loaders, show_progress
from experiments.engines.loader_report import RunFailed
from experiments.engines.local.engine import LocalEngine
from experiments.engines.select import Engines, default_python
from experiments.environment.affinity import place
from experiments.environment.cache import cache_folder
from experiments.environment.hashes import source_hash
from experiments.errors import BadInput, Failure, suggest
from experiments.matrix.expand import expand
from experiments.matrix.selection import Selection
from experiments.matrix.spec import DataSet, Resources
from experiments.profiling.overhead.compare import (
    Comparison,
    Counted,
    Skipped,
    bench_matrix,
    compare_loaders,
    compare_reading,
    minimal_script,
    name_of,
)

READING_RECORDS = 5_000
LARGEST_RATIO = 1.02
"""Limit for a loader's instructions over those of its minimal script: any excess is measured with the driver."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line options."""
    parser.add_argument("loaders", metavar="LOADER", nargs="*", help="only these (default: all loaders, and reading)")
    parser.add_argument(
        "--workload", metavar="NAME", action="append", help="only this workload; may be repeated (default: all)"
    )
    parser.add_argument("--passes", type=int, default=10, metavar="N", help="passes of reading (default: 10)")
    add_python(parser)
    parser.add_argument(
        "--data",
        metavar="DIRECTORY",
        type=Path,
        help=f"folder whose first state is read (default: {READING_RECORDS} generated records)",
    )


def run(options: Namespace) -> int:
    """Print both tables; return 1 if a loader takes more instructions than its script, limit and noise allow."""
    loaders = choose_loaders(options.loaders)
    for name in options.workload or ():
        if name not in WORKLOADS:
            raise BadInput(f"--workload: unknown workload {name!r} {suggest(name, list(WORKLOADS))}")
    if options.passes < 1:
        raise BadInput(f"--passes: {options.passes} is too small; expected 1 or more")
    try:
        with LocalEngine() as engine:
            found = count_loaders(engine, loaders, options.workload or list(WORKLOADS), options.python)
            if not options.loaders:
                _read(engine, options)
    except RunFailed as trouble:
        raise Failure(trouble.reason) from trouble
    costly = find_costly(found)
    for one in costly:
        print(f"{name_of(one.cell)}: more than {LARGEST_RATIO} times its minimal script", file=sys.stderr)
    return 1 if costly else 0


def find_costly(found: Iterable[Counted | Skipped]) -> list[Counted]:
    """Return what lies above the limit by more than its noise."""
    return [one for one in found if isinstance(one, Counted) and one.ratio * (1 - one.noise) > LARGEST_RATIO]


def count_loaders(
    engine: LocalEngine, loaders: Sequence[Loader], workloads: Sequence[str], python: str | None
) -> list[Counted | Skipped]:
    """Count, compare and print; say which loaders are left out."""
    compared = [loader for loader in loaders if minimal_script(loader) is not None]
    found: list[Counted | Skipped] = []
    if compared:
        matrix, source = bench_matrix(compared, workloads, python or "default"), source_hash()
        planned = expand(matrix, Selection(), Engines())
        preparation = Preparation(
            matrix,
            {"local": engine},
            source,
            providing(source),
            show_progress,
        )
        found += compare_loaders(preparation.prepare(planned), show_progress)
    print("Instructions per row, or per operation of other workloads than ingest")
    print(_count_table([one for one in found if isinstance(one, Counted)]), end="\n\n")
    for one in found:
        if isinstance(one, Skipped):
            print(f"{name_of(one.cell)} is not compared: {one.reason}")
    for loader in loaders:
        if loader not in compared:
            print(f"{loader.name} is left out: its driver {loader.driver} has no minimal script")
    return found


def _read(engine: LocalEngine, options: Namespace) -> None:
    host = engine.loader_host(options.python or default_python(engine))
    placement = place(Resources(loader_cpuset="0", server_cpuset="rest"), engine.cores())
    generated = DataSet("synthetic", state="RI", records=READING_RECORDS)
    directory = options.data or provide(generated, cache=cache_folder(), source=source_hash()).directory
    print(f"CPU to read one state's segment 01 (ms), Python {host.facts.version}, {options.passes} passes")
    print(_time_table(compare_reading(host, placement, directory, options.passes, show_progress)))


def _count_table(found: Iterable[Counted]) -> str:
    rows = [
        [
            *(one.cell.loader, one.cell.loop or "", one.cell.workload),
            *(f"{each:,.0f}" for each in (one.ours.each, one.other.each)),
            *(f"{one.ratio:.3f}", f"{one.noise:.1%}"),
        ]
        for one in found
    ]
    headings = ["loader", "loop", "workload", "ours", "minimal script", "ratio", "noise"]
    return tabulate(rows, headings, disable_numparse=True, colalign=["left"] * 3 + ["right"] * 4 if rows else None)


def _time_table(comparisons: Iterable[Comparison]) -> str:
    rows = [
        [one.name, f"{one.ours.value:.2f}", f"{one.other.value:.2f}", with_interval(one.ratio, ".3f")]
        for one in comparisons
    ]
    return tabulate(rows, ["", "ours", "bare split", "ratio (95% interval)"], disable_numparse=True, stralign="left")
