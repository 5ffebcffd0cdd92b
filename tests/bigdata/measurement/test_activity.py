from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg2
import pytest

from bigdata.database.dburl import connect, connect_aside
from bigdata.database.transactions import read_transactions
from bigdata.errors import LoadFailed
from bigdata.measurement import activity
from bigdata.measurement.activity import INTERVAL_S, LOOKS_AHEAD, Activity
from tests.conftest import PostgresServer
from tests.project import ROOT

URL = "postgresql://me@localhost/loaded"
IDLE, WAITING = ("idle", "Client", "ClientRead"), ("active", "IO", "WalSync")


class Connection:
    """Answers each look with the next of the given rows, or raises; those before the first sample with none."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers = itertools.chain([[]] * LOOKS_AHEAD, answers)
        self.asked: list[Any] = []

    def cursor(self) -> Connection:
        return self

    def execute(self, statement: str, parameters: Any = None) -> None:
        self.asked.append(parameters)

    def fetchall(self) -> Any:
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ticking(times: Sequence[float]) -> Any:
    """A clock; the looks before the first sample take no time."""
    moments = itertools.chain([0.0] * (2 * LOOKS_AHEAD), times)
    return lambda: next(moments)


def test_a_sample_has_the_middle_of_the_look_and_a_number_for_each_group_that_was_seen_so_far() -> None:
    connection = Connection([[(*IDLE, 3)], [(*WAITING, 2), (*IDLE, 1)], []])
    seen = Activity(connection, URL, ticking([1.0, 1.5, 2.0, 2.5, 3.0, 3.5]))
    for _ in range(3):
        seen.look()
    assert seen.groups == [IDLE, WAITING]
    assert seen.samples == [(1.25, (3,)), (2.25, (1, 2)), (3.25, (0, 0))]
    assert connection.asked == [None, *[("loaded",)] * (LOOKS_AHEAD + 3)]


@pytest.mark.parametrize(
    ("own_s", "connections", "interval_s"),
    [(0.0002, 0, 2 * 0.0002 / 0.005), (0.0002, 100, 3 * 0.0002 / 0.005), (0.00001, 100, INTERVAL_S)],
)
def test_it_waits_so_long_that_both_sides_take_no_more_than_their_share_of_a_core(
    own_s: float, connections: int, interval_s: float
) -> None:
    looks = LOOKS_AHEAD + 2
    cpu = iter([1.0, 1.0 + looks * own_s])
    rows = [(*IDLE, connections)]
    seen = Activity(Connection([[], rows]), URL, itertools.count().__next__, lambda: next(cpu))
    seen.look()
    seen.look()
    assert seen.interval_s == pytest.approx(interval_s)


def test_memory_is_bounded_and_what_is_dropped_is_every_other_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "MOST_SAMPLES", 4)
    clock = ticking([float(number) for number in range(20) for _ in range(2)])
    seen = Activity(Connection([[]] * 10), URL, clock, lambda: 0.0)
    for _ in range(5):
        seen.look()
    assert [at_s for at_s, _ in seen.samples] == [1.0, 3.0]
    assert seen.interval_s == 2 * INTERVAL_S


def test_a_server_that_has_gone_is_an_error_with_its_words() -> None:
    seen = Activity(Connection([psycopg2.OperationalError("server closed\n\tthe connection\n")]), URL)
    with pytest.raises(LoadFailed, match=r"does not report its connections: server closed the connection$"):
        seen.look()


def latest(seen: Activity) -> dict[Any, int]:
    numbers = seen.samples[-1][1]
    return {group: numbers[index] for index, group in enumerate(seen.groups[: len(numbers)]) if numbers[index]}


@pytest.mark.postgres
def test_of_a_real_server_it_tells_states_and_waits_of_this_database_and_adds_nothing_to_its_counts(dburl: str) -> None:
    before = read_transactions(dburl).transactions
    seen = Activity(connect_aside(dburl), dburl)
    seen.look()
    assert seen.samples[-1][1] == ()
    idle, open_one = connect(dburl), connect(dburl)
    open_one.autocommit = False
    idle.cursor().execute("SELECT 1")
    open_one.cursor().execute("SELECT 1")
    # A backend says that it is idle when it has answered.
    deadline_s = time.monotonic() + 5
    wanted = {IDLE: 1, ("idle in transaction", "Client", "ClientRead"): 1}
    while latest(seen) != wanted:
        assert time.monotonic() < deadline_s
        seen.look()
    idle.close()
    open_one.close()
    # One for each of the two connections' start, one for the SELECT; that of the other was rolled back.
    after = read_transactions(dburl).transactions
    assert (before, after) == (before, (before or 0) + 3)


@pytest.fixture
def sampler(dburl: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bigdata.cmd", "--dburl", dburl, "sample"]
    folder = ROOT
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def wait_until_it_looks(server: PostgresServer) -> None:
    question = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bigdata sampler' AND query LIKE 'EXEC%'"
    deadline_s = time.monotonic() + 20
    while server.local.execute(question) != "1":
        assert time.monotonic() < deadline_s


@pytest.mark.postgres
def test_the_program_samples_until_it_is_asked_to_stop_and_prints_one_line(
    sampler: subprocess.Popen[str], dburl: str, postgres_server: PostgresServer
) -> None:
    wait_until_it_looks(postgres_server)
    with connect(dburl) as connection:
        connection.cursor().execute("SELECT pg_sleep(0.3)")
    sampler.send_signal(signal.SIGTERM)
    output, errors = sampler.communicate(timeout=20)
    assert (sampler.returncode, errors, output.count("\n")) == (0, "", 1)
    report = json.loads(output)
    assert ["active", "Timeout", "PgSleep"] in report["groups"]
    moments = [at_s for at_s, _ in report["samples"]]
    assert moments == sorted(moments)
    assert moments[0] < time.monotonic() < moments[0] + 60
    assert 0 < report["cpu_s"] < 2


@pytest.mark.postgres
def test_the_program_ends_with_the_servers_words_when_its_connection_is_cut(
    sampler: subprocess.Popen[str], postgres_server: PostgresServer
) -> None:
    wait_until_it_looks(postgres_server)
    postgres_server.local.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bigdata sampler'"
    )
    output, errors = sampler.communicate(timeout=20)
    assert (sampler.returncode, output) == (1, "")
    assert errors.startswith("error: the server does not report its connections: ")
