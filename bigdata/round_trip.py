"""How long it takes until the server answers, where neither side has anything to do."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from typing import Any, Callable

from bigdata import statements as sql

TIMES = 50


def measure_round_trip_s(
    connection: Any, clock: Callable[[], float] = time.perf_counter, cpu_clock: Callable[[], float] = time.process_time
) -> float:
    """Seconds from an empty statement to its answer, the median of 50, less the CPU time of this process.

    Network, waking up on either side, and what the server takes to read a message and to answer.
    """
    import psycopg2

    cursor = connection.cursor()
    walls_s = []
    cpu_before_s = cpu_clock()
    for _ in range(TIMES):
        before_s = clock()
        # How psycopg2 says that there was nothing to do; the server has answered.
        with suppress(psycopg2.ProgrammingError):
            cursor.execute(sql.EMPTY)
        walls_s.append(clock() - before_s)
    cpu_s = (cpu_clock() - cpu_before_s) / TIMES
    return max(0.0, statistics.median(walls_s) - cpu_s)
