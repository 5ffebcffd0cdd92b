"""The loader as a process, for tests of what it does from the outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2

from bigdata.census import synthetic
from bigdata.database.dburl import open_connection
from bigdata.database.transactions import read_transactions
from bigdata.database.verification import digest_tables
from bigdata.registry import CONTESTANTS
from bigdata.registry import LOADERS as REGISTERED
from tests.project import ROOT

Pair = tuple[str, str | None]
"""A loader, and the loop it runs on if it has one."""


def name_of(pair: Pair) -> str:
    return "-".join(filter(None, pair))


LOADERS: list[Pair] = [(loader.name, loop) for loader in CONTESTANTS.values() for loop in loader.loops or (None,)]
NAMES = [name_of(pair) for pair in LOADERS]

# For what takes long: the first of each runtime, of each hot loop.
REPRESENTATIVES = list({REGISTERED[pair[0]].runtime: pair for pair in reversed(LOADERS)}.values())
HOT_LOOPS = list({REGISTERED[pair[0]].hot_loop: pair for pair in reversed(LOADERS)}.values())


def parts_of(pair: Pair) -> set[str]:
    """Hot loop, runtime and event loop. Each driver has a way of its own to wait for greenlets."""
    loader, loop = REGISTERED[pair[0]], pair[1]
    runtime = f"{loader.runtime} {loader.hot_loop}" if loader.runtime == "greenlets" else loader.runtime
    return {loader.hot_loop, runtime, *([loop] if loop else [])}


def covering() -> list[Pair]:
    """As few as have all of these parts: for all but what is of a pair itself."""
    left, chosen = set().union(*map(parts_of, LOADERS)), list[Pair]()
    while left:
        chosen.append(max(LOADERS, key=lambda pair: len(parts_of(pair) & left)))
        left -= parts_of(chosen[-1])
    return chosen


COVER = covering()

# Those that a process may have run before it runs others: patching select, as for greenlets, stays.
NOT_PATCHING = [pair for pair in LOADERS if REGISTERED[pair[0]].runtime != "greenlets"]

# The server of the tests has no TLS. Drivers ask it all the same, and rloop lacks what asyncpg needs to go on then.
WITHOUT_TLS = "sslmode=disable"


def start(
    *arguments: str, dburl: str | None = None, python: str = sys.executable, root: Path = ROOT, code: str | None = None
) -> subprocess.Popen[str]:
    """``root`` is the folder that the loader's package is taken from; ``code`` runs instead of its main module."""
    if dburl and "rloop" in arguments:
        dburl += f"{'&' if '?' in dburl else '?'}{WITHOUT_TLS}"
    environment = {name: value for name, value in os.environ.items() if name != "BIGDATA_DBURL"}
    return subprocess.Popen(
        [python, *(("-c", code) if code else ("-m", "bigdata.cmd")), *arguments],
        cwd=root,
        env={**environment, **({"BIGDATA_DBURL": dburl} if dburl else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, dburl: str | None = None, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, dburl=dburl, root=root)
    out, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


def load(loader: Pair, directory: Path, poolsize: int, *options: str, dburl: str, root: Path = ROOT) -> dict[str, Any]:
    done = run(*load_arguments(loader, directory, poolsize, *options), "--report", "-", dburl=dburl, root=root)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def load_prepared(loader: Pair, directory: Path, poolsize: int, *options: str, dburl: str) -> dict[str, Any]:
    """The report of a load into tables that are ready, whose work this process verifies instead of more of them."""
    before = read_transactions(dburl).transactions
    report = load(loader, directory, poolsize, *options, "--prepared", dburl=dburl)
    after = read_transactions(dburl).transactions
    assert before is not None
    assert after is not None
    with open_connection(dburl) as connection:
        digest = digest_tables(connection).digest
    report["work"].update(digest=digest, transactions=after - before)
    return report


def load_arguments(loader: Pair, directory: Path, poolsize: int, *options: str) -> list[str]:
    name, loop = loader
    poolsize = poolsize if REGISTERED[name].concurrent else 1
    on_loop = ["--loop", loop] if loop else []
    return ["run", name, "--directory", str(directory), "--poolsize", str(poolsize), *on_loop, *options]


def generate(directory: Path, *, state: str = "RI", segments: str = "01", records: int = 10) -> Path:
    synthetic.generate(directory, state, segments.split(","), records, seed=2014)
    return directory


def query(dburl: str, statement: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(dburl)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def other_backends(dburl: str) -> int:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return int(query(dburl, statement)[0][0])


def wait_for(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come to this"
        time.sleep(0.02)
