"""Can a loader run here? check goes all the way that a load goes, with nothing to load."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bigdata.registry import LOADERS
from tests.bigdata import loader_program as program

NOWHERE = "postgresql://user:secret@127.0.0.1:1/nowhere"


def check(*arguments: str, dburl: str) -> dict[str, Any]:
    done = program.run("check", *arguments, "--report", "-", dburl=dburl)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.postgres
@pytest.mark.parametrize("loader", program.COVER, ids=program.name_of)
def test_every_hot_loop_can_run_here_and_loads_nothing(loader: program.Pair, empty_dburl: str) -> None:
    name, loop = loader
    report = check(name, *(["--loop", loop] if loop else []), dburl=empty_dburl)
    assert set(report) == {"schema", "supported", "reason", "client", "session"}
    assert (report["schema"], report["supported"], report["reason"]) == (1, True, None)
    assert set(report["client"]["packages"]) >= set(LOADERS[name].modules)
    # Not one table is there: the hot loops had no record to send.
    assert program.query(empty_dburl, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


@pytest.mark.postgres
def test_what_a_loop_cannot_do_is_the_answer_and_no_error(dburl: str) -> None:
    report = check("row_by_row_asyncpg", "--loop", "rloop", dburl=f"{dburl}?host=%2Fnowhere")
    assert report["supported"] is False
    assert report["client"] is None
    assert report["reason"].startswith("rloop cannot run asyncpg: NotImplementedError")


@pytest.mark.postgres
def test_an_implementation_that_is_not_installed_is_the_answer_in_the_drivers_words(dburl: str) -> None:
    arguments = ("row_by_row_psycopg_threaded", "--implementation", "c")
    reason = (
        "psycopg cannot be imported: couldn't import requested psycopg 'c' implementation: No module named 'psycopg_c'"
    )
    assert check(*arguments, dburl=dburl) == {
        "schema": 1,
        "supported": False,
        "reason": reason,
        "client": None,
        "session": None,
    }
    done = program.run("check", *arguments, dburl=dburl)
    assert done.stdout == f"row_by_row_psycopg_threaded cannot run here: {reason}\n"


@pytest.mark.postgres
@pytest.mark.parametrize("protocol", LOADERS["row_by_row_psycopg_asyncio"].protocols)
def test_a_person_is_told_what_was_tried(protocol: str, dburl: str) -> None:
    done = program.run("check", "row_by_row_psycopg_asyncio", "--protocol", protocol, dburl=dburl)
    assert done.stdout.startswith(f"row_by_row_psycopg_asyncio on asyncio, protocol {protocol}, implementation binary")
    assert done.stdout.endswith(": can run here\n")


def test_a_server_that_cannot_be_reached_is_no_answer() -> None:
    done = program.run("check", "row_by_row_asyncpg", "--report", "-", dburl=NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --dburl: cannot connect: ")
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_loader_does_not_offer_is_bad_input() -> None:
    done = program.run("check", "row_by_row_asyncpg", "--protocol", "simple", "--report", "-", dburl=NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --protocol: found 'simple', but row_by_row_asyncpg supports prepared, extended\n"
