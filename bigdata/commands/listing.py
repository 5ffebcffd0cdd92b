"""list: all loaders with their options, and whether their packages are installed."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from bigdata.errors import Unsupported
from bigdata.registry import LOADERS, Loader
from bigdata.runtimes.programs import FOLDER_VARIABLE, PROGRAMS, find_program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing."""


def run(options: argparse.Namespace) -> int:
    """Print a table."""
    rows: list[tuple[str, ...]]
    rows = [("loader", "driver", "runtime", "loops", "protocols", "implementations", "installed", "description")]
    for loader in LOADERS.values():
        choices = [", ".join(names) or "-" for names in (loader.loops, loader.protocols, loader.implementations)]
        rows.append((loader.name, loader.driver, loader.runtime, *choices, _installed(loader), loader.description))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0


def _installed(loader: Loader) -> str:
    missing = [module for module in loader.modules if find_spec(module) is None]
    if missing:
        return f"no: pip install {' '.join(loader.requirements)}"
    return _found_program(PROGRAMS[loader.runtime]) if loader.ceiling else "yes"


def _found_program(name: str) -> str:
    try:
        find_program(name)
    except Unsupported:
        return f"no: {name}, see {FOLDER_VARIABLE}"
    return "yes"
