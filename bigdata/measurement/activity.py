"""Sampler of connection states, as pg_stat_activity shows them.

Looking takes CPU time from the server's cores, and more in the midst of a load than alone: with cold caches a look at
20 connections took 0.43 ms instead of 0.1 ms, half of it here and half in the server; at 100 it was 0.5 ms, and here as
much as before. So this process reckons from its own CPU time how long to wait until both together take no more than
0.5% of a core. What is kept of a look is how many connections were in which state and waited for what, so that memory
stays bounded.
"""

from __future__ import annotations

import time
from typing import Any, Callable

from bigdata.database import statements as sql
from bigdata.database.dburl import database_name
from bigdata.errors import LoadFailed

APPLICATION_NAME = "bigdata sampler"

INTERVAL_S = 0.05
"""Shortest time between two samples."""

SHARE = 0.005
"""Share of one core that sampling may take, in this process and the server together."""

LOOK = sql.pyformat(sql.EXECUTE_ACTIVITY)

# Before the first sample, as the first ones are dearer: the backend looks up what it then knows.
LOOKS_AHEAD = 8

# The server takes as long as this process, and again as long for so many connections: it makes a row for each.
CONNECTIONS_AS_DEAR = 100

# Half an hour at the usual interval. With more of them every other look is dropped, and half as many follow.
MOST_SAMPLES = 30_000


class Activity:
    """A sampler of the URL's database, through a connection to another database.

    The other one because looking is a transaction, too. ``groups`` are the states with what they wait for, in the order
    in which they were first seen; ``samples`` have the moment (CLOCK_MONOTONIC) and the number of connections in each
    group, as far as groups were known then.
    """

    def __init__(
        self,
        connection: Any,
        url: str,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._cursor = connection.cursor()
        self._clock = clock
        self._name = database_name(url)
        self._index: dict[Any, int] = {}
        self._cpu_clock = cpu_clock
        self._began_cpu_s = cpu_clock()
        self._looks = 0
        self._connections = 0
        self._rarer = 1
        self.samples: list[tuple[float, tuple[int, ...]]] = []
        self._cursor.execute(sql.PREPARE_ACTIVITY)
        for _ in range(LOOKS_AHEAD):
            self._ask()

    @property
    def groups(self) -> list[Any]:
        """Return (state, wait event type, wait event) of each group, as the server names them, or None."""
        return list(self._index)

    @property
    def interval_s(self) -> float:
        """Return the time until the next sample, derived from the CPU time of those so far."""
        own_s = (self._cpu_clock() - self._began_cpu_s) / self._looks
        dear = 2 + self._connections / CONNECTIONS_AS_DEAR
        return self._rarer * max(INTERVAL_S, own_s * dear / SHARE)

    def look(self) -> None:
        """Take one sample. Raises LoadFailed with the server's message if it does not answer any more."""
        at_s, rows = self._ask()
        found = {self._index.setdefault(tuple(group), len(self._index)): number for *group, number in rows}
        counts = tuple(found.get(index, 0) for index in range(len(self._index)))
        self.samples.append((round(at_s, 5), counts))
        if len(self.samples) > MOST_SAMPLES:
            del self.samples[::2]
            self._rarer *= 2

    def _ask(self) -> tuple[float, Any]:
        """Query the server; return the middle of the time that it took, and the rows."""
        import psycopg2

        before_s = self._clock()
        try:
            self._cursor.execute(LOOK, (self._name,))
            rows = self._cursor.fetchall()
        except psycopg2.Error as error:
            words = " ".join(str(error).split())
            raise LoadFailed(f"the server does not report its connections: {words}") from None
        after_s = self._clock()
        self._looks += 1
        self._connections = sum(number for *_, number in rows)
        return (before_s + after_s) / 2, rows
