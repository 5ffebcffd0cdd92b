"""What tests of reading share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bigdata.census.synthetic import generate
from tests.bigdata import loader_program as program
from tests.bigdata.editable_state import EditableState
from tests.conftest import PostgresServer, fresh_database


@pytest.fixture
def state(tmp_path: Path) -> EditableState:
    directory = tmp_path / "sf1"
    generate(directory, "RI", ["01", "02", "12"], 60, 2014)
    return EditableState(directory)


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
