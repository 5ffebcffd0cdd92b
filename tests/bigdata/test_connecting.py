"""Every driver connects to the server, and with the parameters, that psql would take."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bigdata.database.conninfo import Parameters
from bigdata.database.session import REPORTED, check_session
from bigdata.errors import BadInput
from bigdata.loaders.in_turn import connect_in_turn
from bigdata.registry import LOADERS
from tests.bigdata import loader_program as program

# The ORM connects as Core does.
DRIVERS = [name for name, _ in program.HOT_LOOPS if "_orm_" not in name]
# One of each driver, and of each way to wait for it.
WAITING = [*DRIVERS, "row_by_row_gevent", "row_by_row_psycopg_gevent"]

# The loader with a limit of a second instead of ten.
IMPATIENT = """
from bigdata.database import conninfo
conninfo.CONNECT_TIMEOUT_S = 1
from bigdata.cmd import main
raise SystemExit(main())
"""
NEVER_ANSWERS_WITHIN_S = 25.0


@contextmanager
def silent_port() -> Iterator[int]:
    """A port where whoever connects is let in and hears nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def with_place(dburl: str, place: str) -> str:
    parts = urlsplit(dburl)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{place}").geturl()


@pytest.mark.postgres
@pytest.mark.parametrize("loader", WAITING)
def test_an_address_that_refuses_is_passed_over(loader: str, dburl: str) -> None:
    port = urlsplit(dburl).port
    # Where localhost is ::1 first, that address refuses, too.
    done = program.run("check", loader, dburl=with_place(dburl, f"127.0.0.1:1,localhost:{port}"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("can run here\n")


def test_a_silent_server_is_bad_input_within_the_limit_for_every_way_to_wait() -> None:
    with silent_port() as port:
        before_s = time.monotonic()
        url = f"postgresql://user:hunter2@127.0.0.1:{port}/db"
        # At once: each waits for as long as the limit.
        checks = {loader: program.start("check", loader, dburl=url, code=IMPATIENT) for loader in WAITING}
        errors = {loader: check.communicate(timeout=120)[1] for loader, check in checks.items()}
        took_s = time.monotonic() - before_s
    assert {loader: check.returncode for loader, check in checks.items()} == dict.fromkeys(WAITING, 2), errors
    assert [one for one in errors.values() if not one.startswith("error: --dburl: cannot connect: ")] == []
    assert [one for one in errors.values() if "Traceback" in one or "hunter2" in one] == []
    assert took_s < NEVER_ANSWERS_WITHIN_S


@pytest.mark.postgres
@pytest.mark.parametrize("loader", DRIVERS)
def test_a_database_named_behind_the_question_mark_is_the_one_that_is_loaded(
    loader: str, dburl: str, tmp_path: Path
) -> None:
    parts = urlsplit(dburl)
    url = parts._replace(path="/", query=f"dbname={parts.path[1:]}").geturl()
    program.load((loader, None), program.generate(tmp_path, records=2), 1, "--prepared", dburl=url)
    assert program.query(dburl, "SELECT count(*) FROM geo_record") == [(2,)]


@pytest.mark.parametrize("parameter", ["connect_timeout=3", "channel_binding=require", "keepalives=1", "service=x"])
def test_what_asyncpg_cannot_honour_is_refused_by_name(parameter: str) -> None:
    done = program.run("check", "row_by_row_asyncpg", dburl=f"postgresql://127.0.0.1:1/db?{parameter}")
    assert done.returncode == 2
    assert f"asyncpg cannot honour the parameter {parameter.partition('=')[0]}; remove it" in done.stderr


@pytest.mark.postgres
@pytest.mark.parametrize("loader", WAITING)
def test_every_driver_obeys_the_environment(loader: str, dburl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=off -c statement_timeout=12345")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    done = program.run("check", loader, "--report", "-", dburl=dburl)
    assert done.returncode == 0, done.stderr
    session = json.loads(done.stdout)["session"]
    assert session["database"] == urlsplit(dburl).path[1:]
    found = [session[name] for name in ("synchronous_commit", "statement_timeout", "TimeZone")]
    assert found == ["off", "12345", "Asia/Tokyo"]


@pytest.mark.postgres
def test_a_load_reports_the_settings_of_its_session(dburl: str, tmp_path: Path) -> None:
    report = program.load(("row_by_row_asyncpg", None), program.generate(tmp_path, records=2), 1, dburl=dburl)
    assert report["session"]["synchronous_commit"] == "on"
    assert set(report["session"]) <= set(REPORTED)


def test_a_session_that_differs_is_refused() -> None:
    with pytest.raises(BadInput, match="asyncpg does not get the session that set-up gets: database is 'a', not 'b';"):
        check_session("asyncpg", {"database": "a", "jit": "on"}, {"database": "b", "jit": "on"})


def test_a_connection_that_fails_while_it_is_given_up_is_no_complaint_of_asyncio() -> None:
    complaints: list[dict[str, Any]] = []

    async def refuse_when_cancelled(server: Parameters) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise OSError("refused") from None

    async def give_up() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        task = asyncio.ensure_future(connect_in_turn([{}], refuse_when_cancelled, (OSError,), 30, lambda error: True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del task
        gc.collect()

    asyncio.run(give_up())
    assert complaints == []


@pytest.mark.parametrize("name", [name for name, loader in LOADERS.items() if loader.pool])
def test_a_pool_that_cannot_connect_gives_the_drivers_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGDATA_CONNECT_TIMEOUT_S", "1")
    done = program.run("check", name, "--checkout", "per_operation", dburl="postgresql://user@127.0.0.1:1/nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --dburl: cannot connect: ")
    assert "refused" in done.stderr or "Connect call failed" in done.stderr
