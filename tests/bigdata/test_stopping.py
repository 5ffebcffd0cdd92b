"""A run that cannot go on stops at once, says why, and leaves nothing behind on the server."""

from __future__ import annotations

import signal
import subprocess
import time
import zipfile
from pathlib import Path

import psycopg2
import pytest

from bigdata.census.source import open_source
from bigdata.choice import check_choice
from bigdata.errors import LoadFailed
from bigdata.registry import LOADERS
from bigdata.runtimes.job import Job
from tests.bigdata import loader_program as program

pytestmark = pytest.mark.postgres

# To the end of the process, whatever the other workers wait for, which is a minute. A busy machine starts slowly.
SLEEPING = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
STOP_WITHIN_S = 20.0

every_part = pytest.mark.parametrize("loader", program.COVER, ids=program.name_of)
every_concurrent_part = pytest.mark.parametrize(
    "loader", [pair for pair in program.COVER if LOADERS[pair[0]].concurrent], ids=program.name_of
)
every_concurrent_runtime = pytest.mark.parametrize(
    "loader", [pair for pair in program.REPRESENTATIVES if LOADERS[pair[0]].concurrent], ids=program.name_of
)
every_hot_loop = pytest.mark.parametrize("loader", program.HOT_LOOPS, ids=program.name_of)
every_runtime = pytest.mark.parametrize("loader", program.REPRESENTATIVES, ids=program.name_of)


@pytest.fixture
def prepared(dburl: str, tmp_path: Path) -> tuple[str, Path]:
    """Empty tables, and a directory with 30 records."""
    return dburl, program.generate(tmp_path / "files", records=30)


def make_trigger(dburl: str, body: str) -> None:
    program.query(
        dburl,
        f"CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;"
        "CREATE TRIGGER interfere BEFORE INSERT ON data_element FOR EACH ROW EXECUTE FUNCTION interfere()",
    )


@every_concurrent_part
def test_a_worker_that_fails_stops_those_that_sleep_in_the_server(
    loader: program.Pair, prepared: tuple[str, Path]
) -> None:
    stop_those_that_sleep(loader, prepared)


@every_hot_loop
def test_a_worker_that_fails_in_a_transaction_stops_those_that_sleep_in_the_server(
    loader: program.Pair, prepared: tuple[str, Path]
) -> None:
    stop_those_that_sleep(loader, prepared, "--no-autocommit")


def stop_those_that_sleep(loader: program.Pair, prepared: tuple[str, Path], *options: str) -> None:
    dburl, directory = prepared
    make_trigger(
        dburl,
        "IF (SELECT logrecno FROM geo_record WHERE id = NEW.geo_record_id) = '0000003' THEN"
        " PERFORM pg_sleep(0.5); RAISE EXCEPTION 'no room for it'; ELSE PERFORM pg_sleep(60); END IF;",
    )

    started_s = time.monotonic()
    done = program.run(*program.load_arguments(loader, directory, 5, "--prepared", *options), dburl=dburl)

    assert time.monotonic() - started_s < STOP_WITHIN_S
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: data record RI segment 01 logrecno 0000003: "
        "INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES ("
    )
    assert "no room for it" in done.stderr
    assert "Traceback" not in done.stderr
    assert program.other_backends(dburl) == 0


@pytest.mark.parametrize(
    "loader", [pair for pair in program.HOT_LOOPS if pair in program.NOT_PATCHING], ids=program.name_of
)
def test_a_value_that_the_driver_cannot_send_fails_the_run(loader: program.Pair, prepared: tuple[str, Path]) -> None:
    dburl, directory = prepared
    name, loop = loader
    choice = check_choice(name, loop, 2, executemany=False)
    records = (record._replace(name="a\0b") for record in open_source(directory).geo_records())
    phases = (("geo", records, lambda record: 1),)
    job = Job(choice.driver, dburl, 2, True, False, protocol=choice.protocol, phases=phases)
    # asyncpg leaves it to the server to refuse.
    with pytest.raises(LoadFailed, match=r"geo record RI logrecno 000000[12]: .*(NUL|0x00)"):
        choice.run(job)
    assert program.other_backends(dburl) == 0


@every_concurrent_runtime
def test_a_worker_that_fails_stops_those_that_wait_for_a_lock(loader: program.Pair, prepared: tuple[str, Path]) -> None:
    dburl, directory = prepared
    make_trigger(
        dburl,
        "IF (SELECT logrecno FROM geo_record WHERE id = NEW.geo_record_id) = '0000001' THEN"
        " RAISE EXCEPTION 'no room for it'; ELSE PERFORM pg_advisory_xact_lock(1); END IF;",
    )
    holder = psycopg2.connect(dburl)
    holder.cursor().execute("SELECT pg_advisory_lock(1)")
    try:
        started_s = time.monotonic()
        done = program.run(*program.load_arguments(loader, directory, 5, "--prepared"), dburl=dburl)
        assert time.monotonic() - started_s < STOP_WITHIN_S
    finally:
        holder.close()

    assert done.returncode == 1
    assert "data record RI segment 01 logrecno 0000001" in done.stderr
    program.wait_for(lambda: program.other_backends(dburl) == 0, within_s=2)


@every_part
def test_an_interrupted_run_leaves_no_backend(loader: program.Pair, prepared: tuple[str, Path]) -> None:
    interrupt(loader, signal.SIGINT, prepared)


@every_runtime
def test_a_run_that_is_asked_to_terminate_leaves_no_backend(loader: program.Pair, prepared: tuple[str, Path]) -> None:
    interrupt(loader, signal.SIGTERM, prepared)


def interrupt(loader: program.Pair, number: signal.Signals, prepared: tuple[str, Path]) -> None:
    dburl, process = start_asleep(loader, prepared, 5)

    process.send_signal(number)
    started_s = time.monotonic()
    _, errors = process.communicate(timeout=2 * STOP_WITHIN_S)

    assert time.monotonic() - started_s < STOP_WITHIN_S
    assert process.returncode == 130
    assert errors == "error: interrupted before the work was complete\n"
    assert program.other_backends(dburl) == 0


def start_asleep(loader: program.Pair, prepared: tuple[str, Path], workers: int) -> tuple[str, subprocess.Popen[str]]:
    """A run whose workers all wait in an INSERT that takes a minute, and its database."""
    dburl, directory = prepared
    workers = workers if LOADERS[loader[0]].concurrent else 1
    make_trigger(dburl, "PERFORM pg_sleep(60);")
    process = program.start(*program.load_arguments(loader, directory, workers, "--prepared"), dburl=dburl)
    program.wait_for(lambda: program.query(dburl, f"SELECT count(*) {SLEEPING}") == [(workers,)])
    return dburl, process


@every_hot_loop
def test_a_statement_that_somebody_cancels_fails_the_run(loader: program.Pair, prepared: tuple[str, Path]) -> None:
    dburl, process = start_asleep(loader, prepared, 2)

    program.query(dburl, f"SELECT pg_cancel_backend(pid) {SLEEPING} LIMIT 1")
    _, errors = process.communicate(timeout=2 * STOP_WITHIN_S)

    assert process.returncode == 1
    assert errors.startswith("error: data record RI segment 01 logrecno 000000")
    assert ": INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES (" in errors
    assert "canceling statement due to user request" in errors
    assert "Traceback" not in errors
    assert program.other_backends(dburl) == 0


@pytest.mark.parametrize("name", [name for name, loader in LOADERS.items() if loader.pool])
def test_a_statement_of_a_pools_connection_that_somebody_cancels_stops_all_the_others(
    name: str, prepared: tuple[str, Path]
) -> None:
    dburl, directory = prepared
    assert program.run("clear", "--directory", str(directory), dburl=dburl).returncode == 0
    make_trigger(dburl, "PERFORM pg_sleep(60);")
    options = ("--prepared", "--workload", "transaction", "--checkout", "per_operation")
    process = program.start(*program.load_arguments((name, None), directory, 5, *options), dburl=dburl)
    program.wait_for(lambda: program.query(dburl, f"SELECT count(*) > 1 {SLEEPING}") == [(True,)])

    program.query(dburl, f"SELECT pg_cancel_backend(pid) {SLEEPING} LIMIT 1")
    started_s = time.monotonic()
    _, errors = process.communicate(timeout=20)

    assert time.monotonic() - started_s < STOP_WITHIN_S
    assert process.returncode == 1
    assert errors.startswith("error: geo record RI logrecno 00000")
    assert "canceling statement due to user request" in errors
    assert "Traceback" not in errors
    program.wait_for(lambda: program.other_backends(dburl) == 0, within_s=2)


@every_part
def test_a_connection_that_the_server_closes_fails_the_run(loader: program.Pair, prepared: tuple[str, Path]) -> None:
    dburl, process = start_asleep(loader, prepared, 3)

    program.query(dburl, f"SELECT pg_terminate_backend(pid) {SLEEPING}")
    _, errors = process.communicate(timeout=2 * STOP_WITHIN_S)

    assert process.returncode == 1
    assert errors.startswith("error: data record RI segment 01 logrecno 000000")
    assert ": INSERT INTO data_element (geo_record_id, dictionary_item_id, value) VALUES (" in errors
    # libpq keeps only the last of the server's two messages when it reads both at once.
    assert "terminating connection due to administrator command" in errors or "server closed the connection" in errors
    assert "Traceback" not in errors


@every_runtime
def test_a_bad_line_in_the_middle_stops_the_run_with_file_and_line(
    loader: program.Pair, prepared: tuple[str, Path]
) -> None:
    dburl, directory = prepared
    replace_in_data(directory, line_number=20, old=",", new=",x", count=9)

    done = program.run(*program.load_arguments(loader, directory, 3, "--prepared"), dburl=dburl)

    assert done.returncode == 2
    assert "ri00001.uf1" in done.stderr
    assert "20" in done.stderr
    assert "Traceback" not in done.stderr
    assert program.other_backends(dburl) == 0


def replace_in_data(directory: Path, *, line_number: int, old: str, new: str, count: int) -> None:
    """Replace the ``count``-th occurrence of ``old`` in one line of segment 01."""
    path = directory / "ri00001_uf1.zip"
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("ri00001.uf1").decode("latin-1").split("\r\n")
    parts = lines[line_number - 1].split(old)
    lines[line_number - 1] = old.join(parts[:count]) + new + old.join(parts[count:])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ri00001.uf1", "\r\n".join(lines).encode("latin-1"))
