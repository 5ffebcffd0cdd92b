from __future__ import annotations

import itertools
from typing import Any

import psycopg2
import pytest

from bigdata import statements as sql
from bigdata.dburl import connect
from bigdata.round_trip import TIMES, measure_round_trip_s


class Connection:
    """Has nothing to do."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def cursor(self) -> Connection:
        return self

    def execute(self, statement: str) -> None:
        self.statements.append(statement)
        raise psycopg2.ProgrammingError("can't execute an empty query")


def test_it_is_the_median_of_many_less_what_this_process_did_for_one() -> None:
    connection = Connection()
    # 3 ms each, but one of them a minute; 1 ms of CPU for each.
    moments = itertools.accumulate([0.0, 60.0, *[0.0, 0.003] * (TIMES - 1)])
    cpu = iter([10.0, 10.0 + TIMES * 0.001])
    clock: Any = lambda: next(moments)  # noqa: E731
    assert measure_round_trip_s(connection, clock, lambda: next(cpu)) == pytest.approx(0.002)
    assert connection.statements == [sql.EMPTY] * TIMES


@pytest.mark.postgres
def test_a_server_on_this_machine_answers_within_milliseconds(dburl: str) -> None:
    assert 0 < measure_round_trip_s(connect(dburl)) < 0.05
