"""fetch: download a state's files from the Census site."""

from __future__ import annotations

import argparse
from pathlib import Path

from bigdata.census.download import CENSUS_SITE, fetch
from bigdata.commands.options import segment_numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --state, --directory, --segments and --base-url."""
    parser.add_argument("--state", required=True, help="name of the state's folder on the site, such as New_York")
    parser.add_argument("--directory", type=Path, required=True, help="folder to write to; created if missing")
    parser.add_argument("--segments", type=segment_numbers, default=["01"], metavar="01,02")
    parser.add_argument("--base-url", default=CENSUS_SITE, metavar="URL", help="a mirror with the site's layout")


def run(options: argparse.Namespace) -> int:
    """Download and print the paths of the files."""
    for path in fetch(options.state, options.directory, options.segments, base_url=options.base_url):
        print(path)
    return 0
