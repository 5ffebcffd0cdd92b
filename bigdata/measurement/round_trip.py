"""Round trip time between an idle loader and an idle server."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from typing import Any, Callable

from bigdata.database import statements as sql
from bigdata.database.dburl import connect_aside

TIMES = 50

WARM_UP = 5
"""Statements before the measured ones, while caches are still cold."""


def measure_aside_s(url: str) -> float:
    """Return the round trip over a connection to another database. Raises BadInput if none can be opened."""
    connection = connect_aside(url)
    found_s = round(measure_round_trip_s(connection), 7)
    connection.close()
    return found_s


def measure_clock_offset_s(connection: Any, clock: Callable[[], float] = time.time) -> float:
    """Return the server's clock less this process's, by the statement that was answered soonest."""
    cursor = connection.cursor()
    found = []
    for _ in range(TIMES):
        before_s = clock()
        cursor.execute(sql.CLOCK)
        after_s = clock()
        ((server_s,),) = cursor.fetchall()
        found.append((after_s - before_s, float(server_s) - (before_s + after_s) / 2))
    return min(found)[1]


def read_tls(connection: Any) -> str | None:
    """Return the version of TLS that the server reports of the connection; None without TLS."""
    cursor = connection.cursor()
    cursor.execute(sql.TLS)
    ((version,),) = cursor.fetchall()
    return None if version is None else str(version)


def measure_round_trip_s(
    connection: Any, clock: Callable[[], float] = time.perf_counter, cpu_clock: Callable[[], float] = time.process_time
) -> float:
    """Return the seconds from an empty statement to its answer, without the CPU time of this process.

    The median of 50, each less its own CPU time: network, waking up on either side, and what the server takes to read a
    message and to answer.
    """
    import psycopg2

    cursor = connection.cursor()
    trips_s = []
    for _ in range(WARM_UP + TIMES):
        before_s, cpu_before_s = clock(), cpu_clock()
        # How psycopg2 says that there was nothing to do; the server has answered.
        with suppress(psycopg2.ProgrammingError):
            cursor.execute(sql.EMPTY)
        cpu_s = cpu_clock() - cpu_before_s
        trips_s.append(clock() - before_s - cpu_s)
    return max(0.0, statistics.median(trips_s[WARM_UP:]))
