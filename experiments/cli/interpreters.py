"""show the interpreters of the local engine, and install missing ones"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from tabulate import tabulate

from experiments.engines.docker.debian.base_image import DEBIAN_SUITES
from experiments.engines.docker.debian.mmdebstrap import MIRROR_VARIABLE
from experiments.environment.cache import cache_in_use
from experiments.environment.cpython.install import Sources, check_archive, get_interpreter
from experiments.environment.interpreters import VARIABLE, Interpreter, find_interpreters, named_in_vain
from experiments.environment.requirements import LOADER_PYTHONS
from experiments.environment.resolve import uv_environment
from experiments.errors import BadInput, Failure, suggest

HEADINGS = ("Python", "version", "optimized", "LTO", "free-threaded", "from")
NOT_OPTIMIZED = "Every table marks builds without optimizations; nox -s interpreters -- X.Y installs an optimized one."

_SAID = {True: "yes", False: "no", None: "not known"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "names", metavar="X.Y", nargs="*", help="get these into the cache, such as 3.14 or 3.13t (default: only show)"
    )
    parser.add_argument(
        "--archive",
        metavar="FILE",
        type=Path,
        help="build from this archive of CPython's sources (default: ask uv, then build from Debian's source package)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="build without optimizations: minutes in place of half an hour, to try things out with",
    )


def run(options: Namespace) -> int:
    """Install the named ones that are missing or not optimized, and show all. Raises BadInput for names, or Failure."""
    names = check_names(options.names, options.archive)
    found = find_interpreters()
    there = [name for name in names if name in found and (options.quick or found[name].optimized_build is not False)]
    for name in there:
        print(f"Python {name} is here already: {found[name].version}, from {found[name].origin}")
    missing = [name for name in names if name not in there]
    if missing:
        get(missing, options.archive, quick=options.quick)
        found = find_interpreters()
        vain = [name for name in missing if name not in found]
        if vain:
            raise Failure(f"got {', '.join(vain)}, which does not run")
    show(found)
    return 0


def check_names(names: Sequence[str], archive: Path | None) -> list[str]:
    """Return the names, each once. Raises BadInput for one without a lock, and for an archive of another version."""
    for name in names:
        if name not in LOADER_PYTHONS:
            raise BadInput(f"interpreters: {name!r} has no locked packages {suggest(name, LOADER_PYTHONS)}")
    if archive is not None:
        if not names:
            raise BadInput("--archive: no interpreter given to build from it (for example 3.14 or 3.14t)")
        if not archive.is_file():
            raise BadInput(f"--archive: {archive} is not a file")
        for name in names:
            check_archive(archive, name)
    return list(dict.fromkeys(names))


def get(names: Sequence[str], archive: Path | None, *, quick: bool) -> None:
    """Install the interpreters one after the other, until one fails."""
    suites = {suite.python: name for name, suite in DEBIAN_SUITES.items()}
    sources = Sources(archive.resolve() if archive else None, suites, os.environ.get(MIRROR_VARIABLE), quick)
    environment = uv_environment() if archive is None else {}
    with cache_in_use():
        for name in names:
            get_interpreter(name, sources, environment, lambda line: print(line, flush=True))


def show(found: Mapping[str, Interpreter]) -> None:
    """Print the table: a line for each interpreter whose packages are locked."""
    rows = [row(python, found.get(python)) for python in LOADER_PYTHONS]
    print(tabulate(rows, headers=HEADINGS, disable_numparse=True))
    if any(one.optimized_build is False for python, one in found.items() if python in LOADER_PYTHONS):
        print(NOT_OPTIMIZED)
    for place in named_in_vain():
        print(f"{VARIABLE}: no interpreter at {place}")


def row(python: str, found: Interpreter | None) -> tuple[str, ...]:
    """Return a row of the table."""
    if found is None:
        return python, "", "", "", "", "not found"
    facts = (found.optimized_build, found.lto, found.free_threaded)
    return (python, found.version, *(_SAID[fact] for fact in facts), found.origin)
