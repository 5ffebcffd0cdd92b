"""What psycopg is told, what it says of an error, and whether greenlets can wait in it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gevent.selectors
import pytest
from psycopg import waiting

from bigdata.errors import Unsupported
from bigdata.loaders import asyncpg_tools, psycopg_tools


@pytest.mark.parametrize(("protocol", "threshold"), [("prepared", 0), ("extended", None), ("simple", None)])
def test_a_protocol_is_a_number_of_executions_before_the_server_keeps_a_statement(
    protocol: str, threshold: int | None
) -> None:
    assert psycopg_tools.connection_options("postgresql://host", protocol) == {
        "client_encoding": "UTF8",
        "prepare_threshold": threshold,
        "connect_timeout": 10,
    }


def test_an_unknown_protocol_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="psycopg speaks prepared, extended, simple, not 'fast'"):
        psycopg_tools.connection_options("postgresql://host", "fast")


@pytest.mark.parametrize("name", ["wait_c", "wait_epoll"])
def test_greenlets_cannot_wait_where_gevent_does_not_see_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, name, len, raising=False)
    monkeypatch.setattr(waiting, "wait", len)
    with pytest.raises(Unsupported, match=f"waits for the server by {name}, .* imported before select was patched"):
        psycopg_tools.use_greenlets()
    monkeypatch.setattr(waiting, "wait", max)
    # Put back afterwards.
    monkeypatch.setattr(waiting, "DefaultSelector", None)
    psycopg_tools.use_greenlets()
    assert waiting.__dict__["DefaultSelector"] is gevent.selectors.DefaultSelector


def execute(query: str, params: tuple[Any, ...] | None = None) -> None:
    raise ValueError("refused")


def test_an_error_knows_the_statement_and_the_values_that_went_beside_it() -> None:
    with pytest.raises(ValueError, match="refused") as raised:
        execute("INSERT INTO t VALUES (%s)", (7,))
    assert psycopg_tools.statement_of(raised.value) == "INSERT INTO t VALUES (%s) with (7,)"
    # asyncpg calls them otherwise.
    assert asyncpg_tools.statement_of(raised.value) == "INSERT INTO t VALUES (%s)"
    assert psycopg_tools.statement_of(ValueError("of nobody")) is None


def test_without_echo_the_drivers_own_classes_are_used() -> None:
    assert psycopg_tools.counting_cursor(dict, None) is dict
    assert psycopg_tools.counting_connection(dict, None) is dict


def test_with_echo_every_statement_and_every_transaction_is_counted() -> None:
    class Driver:
        autocommit = False

        def execute(self, query: str, params: Any = None) -> str:
            return f"executed {query}"

        def executemany(self, query: str, params_seq: Any) -> None:
            pass

        def commit(self) -> str:
            return "committed"

    statements: Counter[str] = Counter()
    cursor = psycopg_tools.counting_cursor(Driver, statements)()
    assert cursor.execute("INSERT", (1,)) == "executed INSERT"
    cursor.executemany("INSERT", [(1,), (2,)])
    connection = psycopg_tools.counting_connection(Driver, statements)()
    assert connection.commit() == "committed"
    connection.autocommit = True
    assert connection.commit() == "committed"
    assert statements == {"INSERT": 3, "BEGIN": 1, "COMMIT": 1}
