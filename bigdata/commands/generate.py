"""generate: write synthetic Census files."""

from __future__ import annotations

import argparse
from pathlib import Path

from bigdata.census.synthetic import generate
from bigdata.commands.options import segment_numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --directory, --state, --segments, --records and --seed."""
    parser.add_argument("--directory", type=Path, required=True, help="folder to write to; created if missing")
    parser.add_argument("--state", default="NY", help="name or abbreviation")
    parser.add_argument("--segments", type=segment_numbers, default=["01"], metavar="01,02")
    parser.add_argument("--records", type=int, default=1000, metavar="N", help="logical records")
    parser.add_argument("--seed", type=int, default=2014, help="the same seed makes the same bytes")


def run(options: argparse.Namespace) -> int:
    """Write the files and print their paths."""
    for path in generate(options.directory, options.state, options.segments, options.records, options.seed):
        print(path)
    return 0
