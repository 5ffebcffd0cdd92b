"""What tests of reading share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bigdata.census.synthetic import generate
from tests.bigdata import loader_program as program
from tests.bigdata.editable_state import EditableState
from tests.conftest import PostgresServer, fresh_database


@pytest.fixture(scope="session")
def made_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sf1")
    generate(directory, "RI", ["01", "02", "12"], 60, 2014)
    return directory


@pytest.fixture
def state(made_state: Path, tmp_path: Path) -> EditableState:
    """Files of the test's own."""
    return EditableState(shutil.copytree(made_state, tmp_path / "sf1"))


@pytest.fixture(scope="session")
def prepared_template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database with empty tables and the whole dictionary, which take the loader a second to make."""
    with fresh_database(postgres_server) as dburl:
        assert program.run("clear", dburl=dburl).returncode == 0
        yield str(program.query(dburl, "SELECT current_database()")[0][0])


@pytest.fixture
def dburl(postgres_server: PostgresServer, prepared_template: str) -> Iterator[str]:
    """A fresh database as after the loader's ``clear``; its address holds the password."""
    with fresh_database(postgres_server, prepared_template) as dburl:
        yield dburl
