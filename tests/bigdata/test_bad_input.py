"""What cannot be used is refused with exit code 2, a message that helps, and no traceback."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bigdata.choice import check_choice
from bigdata.database.dburl import cannot_connect, check_url
from bigdata.database.marked_tables import poolsize_problem
from bigdata.errors import BadInput
from bigdata.registry import LOADERS
from tests.bigdata import loader_program as program

URL = "postgresql://user:secret@127.0.0.1:1/nowhere"

# One of each driver, and of each way to wait for it; the ORM connects as Core does.
DRIVERS = [name for name, _ in program.HOT_LOOPS if "_orm_" not in name]


def refused(*arguments: str, dburl: str | None = None) -> str:
    done = program.run(*arguments, dburl=dburl)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return program.generate(tmp_path / "files")


def test_an_unknown_loader_is_refused_with_a_suggestion() -> None:
    with pytest.raises(BadInput) as raised:
        check_choice("row_by_row_asynco", None, 1, False)
    assert str(raised.value) == (
        f"unknown loader 'row_by_row_asynco' (did you mean row_by_row_asyncio? known: {', '.join(LOADERS)})"
    )


@pytest.mark.parametrize("poolsize", [0, -1])
def test_a_poolsize_below_one_is_refused(poolsize: int) -> None:
    with pytest.raises(BadInput, match=f"--poolsize: found {poolsize}, expected 1 or more"):
        check_choice("row_by_row_threaded", None, poolsize, False)


def test_a_loop_for_a_loader_that_has_none_is_refused() -> None:
    with pytest.raises(BadInput, match="row_by_row_threaded accepts none: it has no event loop"):
        check_choice("row_by_row_threaded", "uvloop", 1, False)


def test_an_unknown_loop_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BadInput, match="found 'trio', but row_by_row_asyncio accepts one of asyncio, uvloop, rloop"):
        check_choice("row_by_row_asyncio", "trio", 1, False)


def test_executemany_is_refused_where_the_driver_has_none() -> None:
    with pytest.raises(BadInput, match="loaders that do: row_by_row_threaded"):
        check_choice("row_by_row_asyncio", None, 1, True)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mysql://user:secret@host/db", "found mysql://..."),
        ("postgresql+psycopg2://user:secret@host/db", "found postgresql\\+psycopg2://..."),
        ("host=localhost", "found something without '://'"),
        ("", "no database given"),
        (None, "no database given"),
    ],
)
def test_a_url_that_is_not_postgresqls_is_refused(url: str | None, found: str) -> None:
    with pytest.raises(BadInput, match=found) as raised:
        check_url(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["postgres://host/db", "postgresql://%2Ftmp%2Fsocket/db?connect_timeout=3"])
def test_any_url_of_libpq_is_passed_on_as_it_is(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize("url", ["postgresql://user:s%40cret@host:x/db", "postgresql://host:x/db?password=s%40cret"])
def test_a_message_of_libpq_never_shows_the_password(url: str) -> None:
    for quoted in (url, 'invalid "s@cret"'):
        message = str(cannot_connect(url, ValueError(quoted)))
        assert "s@cret" not in message
        assert "s%40cret" not in message


@pytest.mark.parametrize(
    ("poolsize", "limits", "problem"),
    [
        (90, (100, 3, 5, -1, 0, -1, 0), None),
        (92, (100, 3, 5, -1, 0, -1, 0), None),
        (93, (100, 3, 5, -1, 0, -1, 0), "expected 1 to 92.*max_connections 100, 3 of them reserved, 5 in use"),
        (10, (100, 3, 5, 10, 1, -1, 0), "expected 1 to 9.*this role may have 10, 1 are in use"),
        (10, (100, 3, 5, -1, 0, 4, 0), "expected 1 to 4.*this database may have 4, 0 are in use"),
        (1, (10, 3, 9, -1, 0, -1, 0), "expected 1 to 0"),
    ],
)
def test_a_poolsize_above_what_the_server_allows_is_a_problem(
    poolsize: int, limits: tuple[int, ...], problem: str | None
) -> None:
    found = poolsize_problem(poolsize, *limits)
    if problem is None:
        assert found is None
    else:
        assert found is not None
        with pytest.raises(BadInput, match=problem):
            raise BadInput(found)


# Unprepared, all connect by set-up's driver first.
each_driver = pytest.mark.parametrize(
    ("loader", "prepared"), [*((loader, ["--prepared"]) for loader in DRIVERS), ("row_by_row_asyncpg", [])]
)


@each_driver
def test_an_unreachable_server_is_bad_input(loader: str, prepared: list[str], directory: Path) -> None:
    arguments = program.load_arguments((loader, None), directory, 2, *prepared)
    message = refused(*arguments, dburl=URL)
    assert message.startswith("error: --dburl: cannot connect: ")
    assert "Connection refused" in message or "Connect call failed" in message
    assert "secret" not in message


def test_a_missing_directory_is_bad_input(tmp_path: Path) -> None:
    message = refused(*program.load_arguments(("row_by_row_threaded", None), tmp_path / "none", 2), dburl=URL)
    assert "no such directory" in message


def test_a_report_that_could_not_be_written_is_refused_before_the_load(directory: Path, tmp_path: Path) -> None:
    arguments = program.load_arguments(("row_by_row_threaded", None), directory, 2)
    nowhere = str(tmp_path / "none" / "report.json")
    assert "none does not exist; name another file" in refused(*arguments, "--report", nowhere, dburl=URL)
    assert "is a directory; expected a file" in refused(*arguments, "--report", str(tmp_path), dburl=URL)


@pytest.mark.parametrize("verb", [["generate"], ["fetch", "--state", "RI"]], ids=["generate", "fetch"])
def test_a_directory_that_cannot_be_made_is_bad_input(verb: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in refused(*verb, "--directory", str(tmp_path / "file" / "files"))


def test_a_digest_of_some_records_needs_their_files() -> None:
    assert "--directory" in refused("digest", "--records", "3", dburl=URL)


def test_the_url_may_stand_behind_the_verb(directory: Path) -> None:
    arguments = program.load_arguments(("row_by_row_threaded", None), directory, 2)
    assert "Connection refused" in refused(*arguments, "--dburl", URL)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    process = program.start("list")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == 1


def test_no_verb_is_bad_usage() -> None:
    assert "VERB" in refused()


@pytest.mark.postgres
@each_driver
def test_a_wrong_password_is_bad_input(loader: str, prepared: list[str], dburl: str, directory: Path) -> None:
    password = urlsplit(dburl).password or ""
    url = dburl.replace(password, "wrong-" + password)
    message = refused(*program.load_arguments((loader, None), directory, 2, *prepared), dburl=url)
    assert "password authentication failed" in message
    assert password not in message


@pytest.mark.postgres
@each_driver
def test_a_database_that_is_not_there_is_bad_input(
    loader: str, prepared: list[str], dburl: str, directory: Path
) -> None:
    message = refused(*program.load_arguments((loader, None), directory, 2, *prepared), dburl=f"{dburl}_nowhere")
    assert 'nowhere" does not exist' in message


@pytest.mark.postgres
def test_a_poolsize_above_what_the_server_has_is_bad_input(dburl: str, directory: Path) -> None:
    message = refused(*program.load_arguments(("row_by_row_threaded", None), directory, 1000), dburl=dburl)
    assert message.startswith("error: --poolsize: found 1000, expected 1 to ")


@pytest.mark.postgres
def test_a_table_without_the_mark_stays_as_it_was(empty_dburl: str, directory: Path) -> None:
    program.query(empty_dburl, "CREATE TABLE geo_record (mine text); INSERT INTO geo_record VALUES ('keep')")
    for arguments in (
        program.load_arguments(("row_by_row_threaded", None), directory, 2),
        ["rebuild"],
        ["clear"],
    ):
        assert "table geo_record: exists already" in refused(*arguments, dburl=empty_dburl)
    assert program.query(empty_dburl, "SELECT mine FROM geo_record") == [("keep",)]
    assert program.query(empty_dburl, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]
