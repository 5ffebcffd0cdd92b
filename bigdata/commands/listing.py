"""list: every loader, and whether what it needs is installed."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from bigdata.registry import LOADERS, Loader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> int:
    """Print a table."""
    rows = [("loader", "driver", "runtime", "loops", "installed", "description")]
    for loader in LOADERS.values():
        loops = ", ".join(loader.loops) or "-"
        rows.append((loader.name, loader.driver, loader.runtime, loops, _installed(loader), loader.description))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return 0


def _installed(loader: Loader) -> str:
    missing = [module for module in loader.modules if find_spec(module) is None]
    return f"no: pip install {' '.join(loader.requirements)}" if missing else "yes"
