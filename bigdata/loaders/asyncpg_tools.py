"""Errors and statement counters for asyncpg."""

from __future__ import annotations

from collections import Counter
from typing import Any

import asyncpg

from bigdata.loaders.counting import counter_of
from bigdata.loaders.tracing import statement_with_values

# It lets the system's errors of a connection through as they are.
Error: Any = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


def statement_of(error: BaseException) -> str | None:
    """Return the statement and its values."""
    return statement_with_values(error, "args")


def connection_class(statements: Counter[str] | None) -> Any:
    """Return asyncpg's connection class, or with ``statements`` one that counts there what it sends.

    The semicolon behind BEGIN, which no other driver sends, is not counted.
    """
    if statements is None:
        return asyncpg.Connection
    count = counter_of(statements)

    class CountingConnection(asyncpg.Connection):  # type: ignore[misc]
        """A connection that counts its statements, including those of asyncpg's transactions."""

        async def execute(self, query: str, *arguments: Any, **options: Any) -> Any:
            count(query.rstrip(";"))
            return await super().execute(query, *arguments, **options)

        async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
            count(query)
            return await super().fetch(query, *arguments, **options)

        async def fetchval(self, query: str, *arguments: Any, **options: Any) -> Any:
            count(query)
            return await super().fetchval(query, *arguments, **options)

    return CountingConnection
