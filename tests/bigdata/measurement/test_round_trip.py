from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import psycopg2
import pytest

from bigdata.database import statements as sql
from bigdata.database.dburl import connect
from bigdata.measurement.round_trip import (
    TIMES,
    WARM_UP,
    measure_clock_offset_s,
    measure_round_trip_s,
    read_tls,
)


class Connection:
    """Has nothing to do."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def cursor(self) -> Connection:
        return self

    def execute(self, statement: str) -> None:
        self.statements.append(statement)
        raise psycopg2.ProgrammingError("can't execute an empty query")


def measure(connection: Connection, walls_s: Sequence[float], cpu_s: Sequence[float]) -> float:
    """By clocks that show so much for each statement, and nothing between two."""

    def shown(each_s: Sequence[float]) -> Any:
        moments_s = iter(list(itertools.accumulate(0.0 if number % 2 else s for s in each_s for number in (1, 2))))
        return lambda: next(moments_s)

    return measure_round_trip_s(connection, shown(walls_s), shown(cpu_s))


def test_it_is_the_median_of_what_each_statement_took_less_the_cpu_time_that_it_took_here() -> None:
    connection = Connection()
    # 2 ms each, with more or less to do here; the first ones are dear, and one of them waits for a minute.
    cpu_s = [0.5] * WARM_UP + [0.001 * (1 + number % 7) for number in range(TIMES)]
    walls_s = [9.0] * WARM_UP + [0.002 + used_s for used_s in cpu_s[WARM_UP:]]
    walls_s[-1] += 60.0
    assert measure(connection, walls_s, cpu_s) == pytest.approx(0.002)
    assert connection.statements == [sql.EMPTY] * (WARM_UP + TIMES)


def test_one_statement_in_which_much_was_done_here_changes_nothing() -> None:
    # The mean of the CPU times is 1.02 ms, which is more than most statements took.
    cpu_s = [0.0] * WARM_UP + [0.00002] * (TIMES - 1) + [0.05]
    walls_s = [0.0001] * WARM_UP + [0.00006] * (TIMES - 1) + [0.051]
    assert measure(Connection(), walls_s, cpu_s) == pytest.approx(0.00004)


def test_clocks_that_disagree_make_it_no_less_than_nothing() -> None:
    assert measure(Connection(), [0.001] * (WARM_UP + TIMES), [0.0011] * (WARM_UP + TIMES)) == 0.0


@pytest.mark.postgres
def test_a_server_on_this_machine_answers_within_milliseconds(dburl: str) -> None:
    assert 0 < measure_round_trip_s(connect(dburl)) < 0.05


class Answering(Connection):
    """Answers each statement with the next row."""

    def __init__(self, rows: Sequence[Any]) -> None:
        super().__init__()
        self._rows = iter(rows)

    def execute(self, statement: str) -> None:
        self.statements.append(statement)

    def fetchall(self) -> list[tuple[Any]]:
        return [(next(self._rows),)]


def test_the_difference_of_the_clocks_is_that_of_the_statement_that_was_answered_soonest() -> None:
    # Answered after 2 s, and one of them after 1 s: the server's clock is 100 s ahead, and shows more in a wait.
    moments_s = itertools.accumulate(itertools.cycle([0.0, 2.0]))
    walls_s = [next(moments_s) for _ in range(2 * TIMES)]
    walls_s[-1] -= 1.0
    server_s = [100.0 + after_s for after_s in walls_s[1::2]]
    server_s[-1] = 100.0 + walls_s[-2] + 0.5
    shown = iter(walls_s)
    connection = Answering(server_s)
    assert measure_clock_offset_s(connection, lambda: next(shown)) == pytest.approx(100.0)
    assert connection.statements == [sql.CLOCK] * TIMES


@pytest.mark.parametrize("version", ["TLSv1.3", None])
def test_the_version_of_tls_is_what_the_server_reports(version: str | None) -> None:
    connection = Answering([version])
    assert read_tls(connection) == version
    assert connection.statements == [sql.TLS]
