"""Creating, clearing and digesting the tables, and what each process may import."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from bigdata.census.sf1 import GEO_COLUMNS
from bigdata.database.marked_tables import ITEMS, MARK, MATRICES
from bigdata.database.setup_db import dictionary_rows
from bigdata.database.statements import CLEAR
from bigdata.registry import LOADERS
from tests.bigdata import loader_program as program
from tests.conftest import PostgresServer, fresh_database
from tests.project import ROOT

EMPTY = "geo:0:0;data:0:0"

# Runs a verb in this interpreter, then prints which of the packages in question it holds.
HOLDS = """
import sys
from bigdata.cmd import main
code = main(sys.argv[1:])
packages = ("sqlalchemy", "greenlet", "yaml", "pydantic", "asyncio", "multiprocessing", "aiopg", "asyncpg", "psycopg",
    "psycopg2", "gevent", "uvloop", "rloop")
print([name for name in packages if name in sys.modules])
sys.exit(code)
"""


@pytest.fixture
def dburl(empty_dburl: str) -> str:
    """Without the tables: the others are given them."""
    return empty_dburl


@pytest.fixture(scope="module")
def dburl_of_all(postgres_server: PostgresServer, prepared_template: str) -> Iterator[str]:
    """A database with tables, for tests that begin with CLEAR or do not look at rows."""
    with fresh_database(postgres_server, prepared_template) as dburl:
        yield dburl


def rename_state(path: Path, name: str) -> None:
    with zipfile.ZipFile(path) as archive:
        text = archive.read("rigeo.uf1").decode("latin-1")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rigeo.uf1", text.replace("Rhode Island", name, 1).encode("latin-1"))


def holds(*arguments: str, dburl: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HOLDS, "--dburl", dburl, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_dictionary_has_all_matrices_and_items_with_parents_before_children() -> None:
    matrices, items = dictionary_rows()
    assert (len(matrices), len(items)) == (MATRICES, ITEMS) == (286, 8113)
    assert len({matrix["segment_id"] for matrix in matrices}) == 39
    assert all(item["parent_id"] is None or item["parent_id"] < item["id"] for item in items)
    assert sum(item["parent_id"] is not None for item in items) > 7000


@pytest.mark.postgres
def test_clear_creates_marked_tables_with_the_whole_dictionary(dburl: str) -> None:
    done = program.run("clear", "--report", "-", dburl=dburl)
    report = json.loads(done.stdout)
    assert report["schema"] == 1
    assert report["server_version"].startswith("17")
    assert report["xact_commit"] > 0
    comments = (
        "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class WHERE relkind = 'r' AND relnamespace = {}"
    )
    assert dict(program.query(dburl, comments.format("'public'::regnamespace"))) == dict.fromkeys(
        ("matrix", "dictionary_item", "geo_record", "data_element"), MARK
    )
    assert program.query(dburl, "SELECT count(*), count(DISTINCT segment_id) FROM matrix") == [(286, 39)]
    assert program.query(dburl, "SELECT count(*) FROM dictionary_item") == [(8113,)]
    columns = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'geo_record' ORDER BY ordinal_position"
    )
    assert [name for (name,) in program.query(dburl, columns)] == ["id", *GEO_COLUMNS]


@pytest.mark.postgres
def test_clear_removes_loaded_rows_and_starts_ids_anew(dburl_of_all: str, tmp_path: Path) -> None:
    dburl = dburl_of_all
    program.load(("row_by_row_threaded", None), program.generate(tmp_path), 2, "--prepared", dburl=dburl)
    assert program.run("clear", dburl=dburl).returncode == 0
    assert json.loads(program.run("digest", "--report", "-", dburl=dburl).stdout)["digest"] == EMPTY
    program.query(dburl, "INSERT INTO geo_record (fileid, stusab, logrecno) VALUES ('uSF1', 'RI', '0000001')")
    assert program.query(dburl, "SELECT id FROM geo_record") == [(1,)]


@pytest.mark.postgres
def test_clear_and_digest_say_whether_the_server_was_at_rest(dburl_of_all: str) -> None:
    def at_rest(verb: str) -> bool:
        report = json.loads(program.run(verb, "--rest-within", "0.3", "--report", "-", dburl=dburl_of_all).stdout)
        return bool(report["at_rest"])

    assert at_rest("clear")
    client = psycopg2.connect(dburl_of_all)
    try:
        assert not at_rest("clear")
        assert not at_rest("digest")
    finally:
        client.close()
    assert at_rest("digest")


@pytest.mark.postgres
def test_rebuild_makes_the_tables_anew_where_one_is_missing(dburl: str) -> None:
    program.run("clear", dburl=dburl)
    program.query(dburl, "DROP TABLE data_element; DELETE FROM dictionary_item WHERE id = 8113")
    for verb in ("clear", "rebuild"):
        assert program.run(verb, dburl=dburl).returncode == 0
        assert program.query(dburl, "SELECT count(*) FROM dictionary_item") == [(8113,)]
        assert program.query(dburl, "SELECT count(*) FROM data_element") == [(0,)]


@pytest.mark.postgres
def test_marked_tables_of_an_older_shape_are_made_anew(dburl: str) -> None:
    program.run("clear", dburl=dburl)
    program.query(dburl, "ALTER TABLE geo_record DROP COLUMN pop100; ALTER TABLE matrix DROP COLUMN sortkey")
    assert program.run("clear", dburl=dburl).returncode == 0
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('pop100', 'sortkey')"
    assert program.query(dburl, columns) == [(2,)]
    assert "sqlalchemy" not in holds("clear", dburl=dburl)


@pytest.mark.postgres
def test_a_role_that_may_not_checkpoint_can_clear(dburl: str) -> None:
    name = psycopg2.extensions.parse_dsn(dburl)["dbname"]
    program.query(dburl, f"CREATE ROLE {name} LOGIN PASSWORD 'modest'; GRANT CREATE ON SCHEMA public TO {name}")
    parts = psycopg2.extensions.parse_dsn(dburl)
    url = f"postgresql://{name}:modest@{parts['host']}:{parts['port']}/{name}"
    try:
        for _ in range(2):
            done = program.run("clear", "--poolsize", "5", dburl=url)
            assert (done.returncode, done.stderr) == (0, "")
    finally:
        program.query(dburl, f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.postgres
def test_a_database_without_an_encoding_takes_every_letter_of_every_driver(dburl: str, tmp_path: Path) -> None:
    url = f"{dburl}_ascii"
    name = psycopg2.extensions.parse_dsn(url)["dbname"]
    program.query(dburl, f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        directory = program.generate(tmp_path, records=2)
        rename_state(directory / "rigeo_uf1.zip", "Rhøde Island")
        program.load(("row_by_row_threaded", None), directory, 2, dburl=url)
        for loader in (None, *(pair for pair in program.HOT_LOOPS if not LOADERS[pair[0]].layer_over)):
            if loader is not None:
                program.query(url, CLEAR)
                program.load(loader, directory, 2, "--prepared", dburl=url)
            names = "SELECT name FROM geo_record WHERE logrecno = '0000001'"
            assert program.query(f"{url}?client_encoding=utf8", names) == [("Rhøde Island",)], loader
    finally:
        program.query(dburl, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.postgres
def test_the_tables_digest_like_the_files_whatever_the_order(dburl_of_all: str, tmp_path: Path) -> None:
    dburl = dburl_of_all
    program.query(dburl, CLEAR)
    directory = program.generate(tmp_path, segments="02,12", records=10)
    program.load(("row_by_row_threaded", None), directory, 5, "--prepared", dburl=dburl)
    of_tables = json.loads(program.run("digest", "--report", "-", dburl=dburl).stdout)
    of_files = json.loads(program.run("digest", "--directory", str(directory), "--report", "-").stdout)
    assert of_tables["digest"] == of_files["digest"] != EMPTY
    assert (of_tables["geo_records"], of_tables["rows"]) == (of_files["geo_records"], of_files["rows"])


@pytest.mark.postgres
def test_clearing_whole_tables_does_without_sqlalchemy(dburl: str) -> None:
    assert "sqlalchemy" in holds("clear", dburl=dburl)
    assert "sqlalchemy" not in holds("clear", dburl=dburl)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("loader", "held"),
    [
        (("row_by_row_threaded", None), ["psycopg2"]),
        (("row_by_row_gevent", None), ["greenlet", "psycopg2", "gevent"]),
        (("row_by_row_processes", None), ["multiprocessing", "psycopg2"]),
        (("row_by_row_asyncio", "asyncio"), ["asyncio", "aiopg", "psycopg2"]),
        (("row_by_row_asyncio", "uvloop"), ["asyncio", "aiopg", "psycopg2", "uvloop"]),
        (("row_by_row_asyncio", "rloop"), ["asyncio", "aiopg", "psycopg2", "rloop"]),
        (("row_by_row_asyncpg", "uvloop"), ["asyncio", "asyncpg", "uvloop"]),
        # psycopg brings both of its sides.
        (("row_by_row_psycopg_threaded", None), ["asyncio", "psycopg"]),
        (("row_by_row_psycopg_asyncio", "uvloop"), ["asyncio", "psycopg", "uvloop"]),
        # SQLAlchemy imports asyncio in any case.
        (("row_by_row_sqlalchemy_core_threaded", None), ["sqlalchemy", "asyncio", "psycopg2"]),
        (("row_by_row_sqlalchemy_orm_asyncio", "uvloop"), ["sqlalchemy", "greenlet", "asyncio", "asyncpg", "uvloop"]),
    ],
    ids=str,
)
def test_the_measuring_process_holds_its_driver_and_loop_only(
    loader: program.Pair, held: list[str], dburl_of_all: str, tmp_path: Path
) -> None:
    program.query(dburl_of_all, CLEAR)
    directory = program.generate(tmp_path, records=2)
    assert holds(*program.load_arguments(loader, directory, 2, "--prepared"), dburl=dburl_of_all) == str(held)


@pytest.mark.postgres
def test_the_measuring_process_holds_no_more_where_it_prepares_and_verifies(dburl_of_all: str, tmp_path: Path) -> None:
    directory = program.generate(tmp_path, records=2)
    # It imports nothing by itself that preparation and verification need.
    assert holds(*program.load_arguments(("row_by_row_asyncpg", "uvloop"), directory, 2), dburl=dburl_of_all) == str(
        ["asyncio", "asyncpg", "uvloop"]
    )


def test_list_shows_every_loader_with_its_description() -> None:
    lines = program.run("list").stdout.splitlines()
    assert lines[0].split() == [
        *("loader", "driver", "runtime", "loops", "protocols", "implementations", "installed", "description"),
    ]
    assert [line.split()[0] for line in lines[1:]] == list(LOADERS)
    assert all(loader.description in line for loader, line in zip(LOADERS.values(), lines[1:], strict=True))


@pytest.mark.postgres
def test_a_role_that_may_not_create_tables_is_told_the_way_out(dburl: str) -> None:
    parts = psycopg2.extensions.parse_dsn(dburl)
    name = parts["dbname"]
    program.query(dburl, f"CREATE ROLE {name} LOGIN PASSWORD 'modest'")
    try:
        done = program.run("clear", dburl=f"postgresql://{name}:modest@{parts['host']}:{parts['port']}/{name}")
    finally:
        program.query(dburl, f"DROP ROLE {name}")
    assert (done.returncode, done.stderr) == (
        1,
        "error: the server refused to create the tables: permission denied for schema public; let the role create "
        "tables (GRANT CREATE ON SCHEMA public TO ...), or name a database that it owns\n",
    )


@pytest.mark.postgres
def test_a_database_that_cannot_hold_the_dictionary_is_told_the_way_out(dburl: str) -> None:
    name = f"{psycopg2.extensions.parse_dsn(dburl)['dbname']}_latin1"
    program.query(dburl, f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        done = program.run("clear", dburl=f"{dburl}_latin1")
    finally:
        program.query(dburl, f"DROP DATABASE {name}")
    assert done.returncode == 1
    assert done.stderr.endswith("such as one created with ENCODING 'UTF8' TEMPLATE template0\n")
    assert done.stderr.count("\n") == 1
