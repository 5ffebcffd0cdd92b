"""What several test modules share: a PostgreSQL of the test run's own, databases in it, real Census data."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.engines.local.binaries import Binaries, locked_binaries
from experiments.engines.local.server import LocalServer, start_server
from experiments.engines.local.sweep import sweep
from experiments.errors import Failure, Unsupported

POSTGRESQL_MAJOR = "17"


@dataclass(frozen=True)
class PostgresServer:
    """The PostgreSQL of the test run."""

    local: LocalServer

    @property
    def url(self) -> str:
        """Of its database ``postgres``, with the password."""
        return self.local.url("postgres", with_password=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests that need one. Where it cannot be had they skip, except in CI."""
    sweep()
    try:
        # Preloaded, so that tests can ask the server which statements it saw.
        settings = {"shared_preload_libraries": "pg_stat_statements"}
        server = start_server(
            locked_binaries(POSTGRESQL_MAJOR), name="tests", storage="disk", settings=settings, max_connections=100
        )
    except (Failure, Unsupported) as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(f"no PostgreSQL to test with: {reason}")
    try:
        yield PostgresServer(server)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def binaries(postgres_server: PostgresServer) -> Binaries:
    """The programs of the test run's server: there already, whatever the cache folder of a single test is."""
    return postgres_server.local.binaries


@pytest.fixture
def dburl(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database; its address holds the password."""
    name = f"test_{secrets.token_hex(4)}"
    postgres_server.local.execute(f"CREATE DATABASE {name}")
    yield postgres_server.local.url(name, with_password=True)
    postgres_server.local.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sf1_dir() -> Path:
    """The folder with real Census files, one folder per state; a test that needs them skips where it is not named."""
    named = os.environ.get("BIGDATA_SF1_DIR")
    if not named:
        pytest.skip("BIGDATA_SF1_DIR is not set: it names the folder with real Census files (Rhode_Island/, Delaware/)")
    folder = Path(named)
    assert folder.is_dir(), f"BIGDATA_SF1_DIR={named} is no folder"
    return folder
