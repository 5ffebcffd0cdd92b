"""SQLAlchemy's connections through asyncpg, for Core and the ORM."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import greenlet  # noqa: F401  # SQLAlchemy would miss it only when it connects
from sqlalchemy import NullPool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bigdata.loaders import asyncpg
from bigdata.loaders.sqlalchemy_tools import (
    count_statements,
    driver_connection,
    isolation,
    note_driver_connection,
    statement_of,
)

__all__ = ["Error", "abandon", "cancel", "close", "connect", "session", "statement_of"]

# Of a connection that cannot be opened the driver's error comes as it is.
Error: Any = (SQLAlchemyError, *asyncpg.Error)


class WithoutJson(PGDialect_asyncpg):
    """A dialect without codecs for JSON, which nobody sends: older versions of asyncpg look up its types for them."""

    supports_statement_cache = True

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        """Leave json as asyncpg has it."""

    async def setup_asyncpg_jsonb_codec(self, conn: Any) -> None:
        """Leave jsonb as asyncpg has it."""


async def connect(url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None) -> AsyncConnection:
    """Open a connection of the engine, which all workers share; with ``statements`` it counts there what it sends."""
    connection = await _engine(url, autocommit, protocol).connect()
    note_driver_connection(connection.sync_connection)
    count_statements(connection.sync_connection, statements)
    return connection


@lru_cache(maxsize=None)
def _engine(url: str, autocommit: bool, protocol: str) -> AsyncEngine:
    """Return the engine, whose connections are opened like those of the bare driver."""
    connect_driver = partial(asyncpg.connect, url, autocommit=autocommit, protocol=protocol, statements=None)
    options: dict[str, Any] = {"async_creator": connect_driver, "poolclass": NullPool}
    registry.register("postgresql.asyncpg_without_json", __name__, WithoutJson.__name__)
    return create_async_engine("postgresql+asyncpg_without_json://", **options, **isolation(autocommit))


async def session(owner: Any) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    return await asyncpg.session(_driver_connection(owner))


async def close(owner: Any) -> None:
    """Close the connection, even if the server does not answer; what was not committed is rolled back."""
    with suppress(*Error, asyncio.TimeoutError):
        await asyncio.wait_for(_connection(owner).close(), asyncpg.CLOSE_WITHIN_S)


def cancel(owner: Any) -> None:
    """Ask the server to cancel the statement that runs on the connection, if any."""
    asyncpg.cancel(_driver_connection(owner))


def abandon(owner: Any) -> None:
    """Shut down a connection whose server does not answer."""
    asyncpg.abandon(_driver_connection(owner))


def _driver_connection(owner: Any) -> Any:
    return driver_connection(_connection(owner).sync_connection)


def _connection(owner: Any) -> Any:
    """Return the connection, or that of a session."""
    return getattr(owner, "bind", owner)
