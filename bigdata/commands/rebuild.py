"""rebuild: drop and create the tables and the dictionary."""

from __future__ import annotations

import argparse

from bigdata.commands.clear import create_tables
from bigdata.database.dburl import check_url, open_connection
from bigdata.database.marked_tables import ITEMS, MATRICES, find_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing."""


def run(options: argparse.Namespace) -> int:
    """Drop only tables that carry the mark, and create all of them."""
    url = check_url(options.dburl)
    with open_connection(url) as connection:
        found = find_tables(connection)
    create_tables(url, found)
    print(f"The tables are new and empty; the dictionary has {MATRICES} matrices and {ITEMS:,} items.")
    return 0
