"""Hot loops of ``row_by_row_asyncio``: aiopg, which is psycopg2 for asyncio.

Its connections are always in autocommit mode, so that a transaction per record is written out.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import Any, AsyncIterable, Iterable, Sequence

import aiopg
from aiopg.connection import Connection, Cursor

from bigdata.census.sf1 import DataRecord, GeoRecord, Key
from bigdata.database import statements as sql
from bigdata.database.conninfo import Parameters, connect_timeout_s, effective_parameters, hosts_of
from bigdata.database.dburl import CLIENT_ENCODING
from bigdata.database.look_up import geo_record_id, item_rows
from bigdata.loaders import psycopg2_tools
from bigdata.loaders.in_turn import connect_in_turn
from bigdata.loaders.psycopg2_tools import Error, connection_factory, has_answered, statement_of
from bigdata.runtimes.job import HotLoops, Operations

__all__ = ["Error", "abandon", "cancel", "close", "connect", "hot_loops", "session", "statement_of"]

INSERT_GEO = sql.pyformat(sql.INSERT_GEO)
SELECT_GEO_ID = sql.pyformat(sql.SELECT_GEO_ID)
SELECT_ITEM_IDS = sql.pyformat(sql.SELECT_ITEM_IDS)
INSERT_ELEMENT = sql.pyformat(sql.INSERT_ELEMENT)
SELECT_GEO = sql.pyformat(sql.SELECT_GEO)
SELECT_ELEMENTS = sql.pyformat(sql.SELECT_ELEMENTS)
LOCK_GEO = sql.pyformat(sql.LOCK_GEO)
UPDATE_GEO = sql.pyformat(sql.UPDATE_GEO)
SLEEP = sql.pyformat(sql.SLEEP)


async def load_geo(connection: Connection, records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Load geo records; every INSERT is a transaction of its own."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await cursor.execute(INSERT_GEO, record)


async def load_geo_per_record(connection: Connection, records: AsyncIterable[Iterable[GeoRecord]]) -> None:
    """Commit once per record."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await cursor.execute(sql.BEGIN)
                await cursor.execute(INSERT_GEO, record)
                await cursor.execute(sql.COMMIT)


async def load_data(connection: Connection, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Load data records; every statement is a transaction of its own."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await insert_elements(cursor, record)


async def load_data_per_record(connection: Connection, records: AsyncIterable[Iterable[DataRecord]]) -> None:
    """Commit once per record."""
    async with connection.cursor() as cursor:
        async for at_hand in records:
            for record in at_hand:
                await cursor.execute(sql.BEGIN)
                await insert_elements(cursor, record)
                await cursor.execute(sql.COMMIT)


async def insert_elements(cursor: Cursor, record: DataRecord) -> None:
    """Load one record: two SELECTs, then one INSERT per value."""
    await cursor.execute(SELECT_GEO_ID, (record.fileid, record.stusab, record.logrecno))
    geo_id = geo_record_id(record, await cursor.fetchone())
    await cursor.execute(SELECT_ITEM_IDS, (record.segment,))
    for (item_id,), value in zip(item_rows(record, await cursor.fetchall()), record.values):
        await cursor.execute(INSERT_ELEMENT, (geo_id, item_id, value))


async def look_up(connection: Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Look up the geo record of each key."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for key in at_hand:
                await cursor.execute(SELECT_GEO, key)
                await cursor.fetchone()


async def fetch(connection: Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Fetch all data elements of each geo record."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for key in at_hand:
                await cursor.execute(SELECT_ELEMENTS, key)
                await cursor.fetchall()


async def transact(connection: Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Add one to the population of each geo record, and an element with it, in a transaction."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for key in at_hand:
                await cursor.execute(sql.BEGIN)
                await cursor.execute(LOCK_GEO, key)
                ((geo_id, population),) = await cursor.fetchall()
                await cursor.execute(UPDATE_GEO, (population + 1, geo_id))
                await cursor.execute(INSERT_ELEMENT, (geo_id, sql.FIRST_ITEM_ID, population + 1))
                await cursor.execute(sql.COMMIT)


async def wait(connection: Connection, keys: AsyncIterable[Iterable[Key]]) -> None:
    """Wait for a slow query for each key."""
    async with connection.cursor() as cursor:
        async for at_hand in keys:
            for _ in at_hand:
                await cursor.execute(SLEEP, (sql.SLEEP_S,))
                await cursor.fetchone()


OPERATIONS = Operations(lookup=look_up, fetch=fetch, transaction=transact, wait=wait)


def hot_loops(*, autocommit: bool, executemany: bool) -> HotLoops:
    """Return the loops for this way of committing. Raises ValueError for ``executemany``, which aiopg lacks."""
    if executemany:
        raise ValueError("aiopg has no executemany")
    return HotLoops(load_geo, load_data) if autocommit else HotLoops(load_geo_per_record, load_data_per_record)


async def connect(url: str, *, autocommit: bool, protocol: str, statements: Counter[str] | None) -> Connection:
    """Open a connection, always in autocommit mode; with ``statements`` it counts there what it sends.

    Raises ValueError for any protocol but the simple one, which is all that psycopg2 speaks.
    """
    if protocol != "simple":
        raise ValueError(f"aiopg speaks the simple protocol only, not {protocol!r}")
    options: dict[str, Any] = {
        "client_encoding": CLIENT_ENCODING,
        "connection_factory": connection_factory(statements),
    }
    parameters = effective_parameters(url)

    async def connect_to(server: Parameters) -> Connection:
        return await aiopg.connect(url, **{**options, **server})

    addresses = await _addresses(hosts_of(parameters))
    limit_s = connect_timeout_s(parameters)
    connection: Connection = await connect_in_turn(addresses, connect_to, (Error,), limit_s, has_answered)
    return connection


async def _addresses(servers: Sequence[Parameters]) -> list[Parameters]:
    """Return the servers with one address each.

    When libpq goes on to the next address it opens another socket, which aiopg does not notice: it would wait forever.
    """
    found = []
    for server in servers:
        host = server.get("host", "")
        if not host or host.startswith(("/", "@")) or "hostaddr" in server:
            found.append(server)
            continue
        try:
            known = await asyncio.get_event_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            # libpq will say why.
            known = []
        found += [{**server, "hostaddr": str(address[0])} for *_, address in known] or [server]
    return found


async def session(connection: Connection) -> list[tuple[str, str]]:
    """Return what the session is, by ``statements.SESSION``."""
    async with connection.cursor() as cursor:
        await cursor.execute(sql.SESSION)
        return await cursor.fetchall()


async def close(connection: Connection) -> None:
    """Close the connection; what was not committed is rolled back."""
    await connection.close()


def cancel(connection: Connection) -> None:
    """Ask the server to cancel the statement that runs on the connection, if any."""
    if connection.raw.isexecuting():
        psycopg2_tools.cancel(connection.raw)


def abandon(connection: Connection) -> None:
    """Shut down a connection whose server does not answer."""
    psycopg2_tools.abandon(connection.raw)
