"""The concurrency guard: workers that wait for the server wait at the same time, with every loader and loop.

psycopg2 under gevent without a wait callback is silently serial: it loads everything, only one row after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bigdata.registry import LOADERS
from tests.bigdata import concurrency_guard as guard
from tests.bigdata import loader_program as program
from tests.conftest import PostgresServer
from tests.project import ROOT

pytestmark = pytest.mark.postgres

# gevent has patched all that it can, and psycopg2 knows nothing of it.
BARE_PATCH = """
import sys
from gevent import monkey
monkey.patch_all()
from bigdata.loaders import psycopg2 as driver
driver.use_greenlets = lambda: None
from bigdata.cmd import main
sys.exit(main(sys.argv[1:]))
"""

# Every implementation of a driver that has several, too, as each waits in its own way.
WAYS: list[tuple[program.Pair, tuple[str, ...]]] = [
    (pair, ("--implementation", implementation) if implementation else ())
    for pair in program.COVER
    if LOADERS[pair[0]].concurrent
    for implementation in LOADERS[pair[0]].implementations or (None,)
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return guard.generate(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def meeting_database(postgres_server: PostgresServer) -> Iterator[str]:
    with guard.meeting_database(postgres_server.local) as dburl:
        yield dburl


@pytest.fixture
def dburl(meeting_database: str) -> str:
    return meeting_database


@pytest.mark.parametrize(
    ("loader", "options"), WAYS, ids=["-".join((program.name_of(pair), *options[1:])) for pair, options in WAYS]
)
def test_all_workers_wait_for_the_server_at_the_same_time(
    loader: program.Pair, options: tuple[str, ...], dburl: str, directory: Path
) -> None:
    if options:
        tried = json.loads(program.run("check", loader[0], *options, "--report", "-", dburl=dburl).stdout)
        if not tried["supported"]:
            pytest.skip(tried["reason"])

    def load() -> None:
        program.load(loader, directory, guard.WORKERS, "--prepared", *options, dburl=dburl)

    assert guard.serial_phases(load, dburl) == set()


def test_the_guard_notices_psycopg2_under_a_bare_patch_of_gevent(dburl: str, directory: Path) -> None:
    pair, workers = ("row_by_row_gevent", None), guard.WORKERS
    arguments = program.load_arguments(pair, directory, workers, "--prepared", "--report", "-")

    def load() -> None:
        done = subprocess.run(
            [sys.executable, "-c", BARE_PATCH, *arguments],
            cwd=ROOT,
            env={**os.environ, "BIGDATA_DBURL": dburl},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["work"]["data_records"] == workers

    assert guard.serial_phases(load, dburl, guard.SHORT_PATIENCE_S) == {"geo", "data"}
