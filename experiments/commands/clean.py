"""show what the project keeps in the user's cache folder, and remove it"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiments.cache import cache_folders, is_cache_in_use, remove, size_bytes
from experiments.engines.local.sweep import owners, sweep
from experiments.errors import Failure


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--show", action="store_true", help="only show what is there")


def run(options: Namespace) -> int:
    """Show the cache and, unless only asked to show, empty it. Raises Failure while a campaign uses it."""
    folders = cache_folders()
    for folder in folders:
        show(folder)
    if options.show or not folders:
        print("" if folders else "the cache is empty")
        return 0
    running = ", ".join(f"process {owner.pid}" for owner in owners())
    if running or is_cache_in_use():
        raise Failure(
            f"a campaign or a test run is using the cache ({running or 'it holds it'}): wait until it has ended"
        )
    for line in sweep():
        print(line)
    for folder in folders:
        remove(folder)
        print(f"removed {folder}")
    return 0


def show(folder: Path) -> None:
    """Print a folder of the cache and the size of everything right below its parts."""
    print(f"{folder}  {_megabytes(folder)}")
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        for entry in sorted(path for path in part.iterdir() if path.is_dir()):
            print(f"  {entry.relative_to(folder)}  {_megabytes(entry)}")


def _megabytes(folder: Path) -> str:
    return f"{size_bytes(folder) / 1e6:.1f} MB"
