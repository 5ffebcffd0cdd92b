"""Hot loops of ``row_by_row_asyncpg``: a driver that speaks PostgreSQL's protocol itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any, AsyncIterable, Callable, Iterable

import asyncpg

from bigdata.census.sf1 import DataRecord, GeoRecord, Key
from bigdata.database import statements as sql
from bigdata.database.cancelling import send_cancel_request
from bigdata.database.conninfo import CONNECT_TIMEOUT_S, Parameters, effective_parameters, hosts_of
from bigdata.database.look_up import item_rows, known_geo_id
from bigdata.loaders.asyncpg_tools import Error, connection_arguments, connection_class, has_answered, statement_of
from bigdata.loaders.in_turn import connect_in_turn
from bigdata.runtimes.job import HotLoops, Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "hot_loops", "session", "statement_of"]

# How the driver is told to speak each of its protocols: as it does by itself, and without keeping statements.
OPTIONS: dict[str, dict[str, Any]] = {"prepared": {}, "extended": {"statement_cache_size": 0}}

# asyncpg waits until the server has closed its side, too.
CLOSE_WITHIN_S = 1.0


async def load_geo(connection: asyncpg.Connection, records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    async for at_hand in records:
        for record in at_hand:
            await connection.execute(sql.INSERT_GEO, *record)


async def load_geo_per_record(connection: asyncpg.Connection, records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Commit once per record."""
    async for at_hand in records:
        for record in at_hand:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(sql.INSERT_GEO, *record)
            await transaction.commit()


async def load_data(connection: asyncpg.Connection, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Load data records; every statement is a transaction of its own."""
    async for at_hand in records:
        for record in at_hand:
            await insert_elements(connection, record)


async def load_data_per_record(connection: asyncpg.Connection, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Commit once per record."""
    async for at_hand in records:
        for record in at_hand:
            transaction = connection.transaction()
            await transaction.start()
            await insert_elements(connection, record)
            await transaction.commit()


async def insert_elements(connection: asyncpg.Connection, record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    found = await connection.fetchval(sql.SELECT_GEO_ID, record.fileid, record.stusab, record.logrecno)
    geo_id = known_geo_id(record, found)
    items = item_rows(record, await connection.fetch(sql.SELECT_ITEM_IDS, record.segment))
    for (item_id,), value in zip(items, record.values):
        await connection.execute(sql.INSERT_ELEMENT, geo_id, item_id, value)


async def look_up(connection: asyncpg.Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Look up the geo record of each key."""
    async for at_hand in keys:
        for key in at_hand:
            await connection.fetchrow(sql.SELECT_GEO, *key)


async def fetch(connection: asyncpg.Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Fetch all data elements of each geo record."""
    async for at_hand in keys:
        for key in at_hand:
            await connection.fetch(sql.SELECT_ELEMENTS, *key)


async def transact(connection: asyncpg.Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    async for at_hand in keys:
        for key in at_hand:
            transaction = connection.transaction()
            await transaction.start()
            ((geo_id, population),) = await connection.fetch(sql.LOCK_GEO, *key)
            await connection.execute(sql.UPDATE_GEO, population + 1, geo_id)
            await connection.execute(sql.INSERT_ELEMENT, geo_id, sql.FIRST_ITEM_ID, population + 1)
            await transaction.commit()


async def wait(connection: asyncpg.Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Wait for a slow query for each key."""
    async for at_hand in keys:
        for _ in at_hand:
            await connection.fetchrow(sql.SLEEP, sql.SLEEP_S)


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing. Raises ValueError for ``executemany``, which is not written here."""
    if executemany:
        raise ValueError("asyncpg: executemany is not implemented here")
    return HotLoops(load_geo, load_data) if autocommit else HotLoops(load_geo_per_record, load_data_per_record)


async def connect(url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None) -> asyncpg.Connection:
    """Open a connection, always in autocommit mode; with ``statements`` it counts there what it sends.

    Raises ValueError for a protocol that asyncpg does not speak, BadInput for a parameter that it cannot honour.
    """
    return await open_by(asyncpg.connect, url, protocol, statements, CONNECT_TIMEOUT_S)


async def open_by(
    opening: Callable[..., Any],
    url: str,
    protocol: str,
    statements: Counter[str] | None,
    timeout_s: float,
    **options: Any,
) -> Any:
    """Return a connection or a pool: what ``opening`` makes of the first server that lets us in, with these options."""
    if protocol not in OPTIONS:
        raise ValueError(f"asyncpg speaks {', '.join(OPTIONS)}, not {protocol!r}")
    options = {**options, "connection_class": connection_class(statements), **OPTIONS[protocol]}
    parameters = effective_parameters(url)

    async def open_at(server: Parameters) -> Any:
        return await opening(**connection_arguments(parameters, server), **options)

    return await connect_in_turn(hosts_of(parameters), open_at, Error, timeout_s, has_answered)


async def session(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    return [tuple(row) for row in await connection.fetch(sql.SESSION)]


async def close(connection: asyncpg.Connection) -> None:
    """Close the connection, even if the server does not answer; what was not committed is rolled back."""
    with suppress(*Error, asyncio.TimeoutError):
        await asyncio.wait_for(connection.close(), CLOSE_WITHIN_S)
    connection.terminate()


def cancel(connection: asyncpg.Connection) -> None:
    """Ask the server to cancel the statement that runs on the connection.

    asyncpg does so for a statement whose task is cancelled, on the event loop, and waits for it without a bound. What
    it knows of its server it keeps to itself; of a connection that is gone there is no protocol.
    """
    protocol = connection._protocol
    if protocol is not None:
        send_cancel_request(connection._addr, protocol.backend_pid, protocol.backend_secret)


def abandon(connection: asyncpg.Connection) -> None:
    """Shut down a connection whose server does not answer; on the event loop, as asyncpg is not thread-safe."""
    # A loop that is closed has nobody left who waits.
    with suppress(RuntimeError):
        connection._loop.call_soon_threadsafe(connection.terminate)
