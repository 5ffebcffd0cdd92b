"""The concurrency guard: workers that wait for the server wait at the same time, with every loader and loop.

psycopg2 under gevent without a wait callback is silently serial: it loads everything, only one row after the other.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bigdata.registry import LOADERS
from tests.bigdata import loader_program as program
from tests.conftest import PostgresServer

pytestmark = pytest.mark.postgres

WORKERS = 5
SLEEP_S = 0.3
CONCURRENT_WITHIN_S = 0.6
# The machine may be busy with something else; what is serial stays so.
TRIES = 3

# One record of phase geo for each worker, which takes so long on the server.
SLEEPING_TABLE = f"""
    CREATE FUNCTION take_long() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep({SLEEP_S}); RETURN NEW; END $$;
    CREATE TRIGGER take_long BEFORE INSERT ON geo_record FOR EACH ROW EXECUTE FUNCTION take_long()
"""

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

PAIRS = [pair for pair in program.LOADERS if LOADERS[pair[0]].concurrent]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program.generate(tmp_path_factory.mktemp("files"), records=WORKERS)


@pytest.fixture(scope="module")
def sleeping_database(postgres_server: PostgresServer) -> Iterator[str]:
    name = f"test_{secrets.token_hex(4)}"
    postgres_server.local.execute(f"CREATE DATABASE {name}")
    dburl = postgres_server.local.url(name, with_password=True)
    assert program.run("clear", dburl=dburl).returncode == 0
    program.query(dburl, SLEEPING_TABLE)
    yield dburl
    postgres_server.local.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def dburl(sleeping_database: str) -> str:
    return sleeping_database


def is_concurrent(load: Callable[[], float], dburl: str, tries: int = TRIES) -> bool:
    """Whether the workers of ``load``, which returns the seconds of phase geo, waited at the same time."""
    for _ in range(tries):
        program.query(dburl, "TRUNCATE geo_record, data_element")
        wall_s = load()
        # They did wait.
        assert wall_s >= SLEEP_S
        if wall_s < CONCURRENT_WITHIN_S:
            return True
    return False


@pytest.mark.parametrize("loader", PAIRS, ids=program.name_of)
def test_all_workers_wait_for_the_server_at_the_same_time(loader: program.Pair, dburl: str, directory: Path) -> None:
    def load() -> float:
        report = program.load(loader, directory, WORKERS, "--prepared", dburl=dburl)
        return float(report["phases"]["geo"]["wall_s"])

    assert is_concurrent(load, dburl)


def test_the_guard_notices_psycopg2_under_a_bare_patch_of_gevent(dburl: str, directory: Path) -> None:
    arguments = program.load_arguments(("row_by_row_gevent", None), directory, WORKERS, "--prepared", "--report", "-")

    def load() -> float:
        done = subprocess.run(
            [sys.executable, "-c", BARE_PATCH, *arguments],
            cwd=program.ROOT,
            env={**os.environ, "BIGDATA_DBURL": dburl},
            capture_output=True,
            text=True,
            check=True,
        )
        report = json.loads(done.stdout)
        assert report["work"]["rows"] == WORKERS * 222
        return float(report["phases"]["geo"]["wall_s"])

    assert not is_concurrent(load, dburl, tries=1)
