"""Load with a blocking driver: shared code of threads, greenlets and one connection."""

from __future__ import annotations

from typing import Any, Callable

from bigdata.database.dburl import cannot_connect
from bigdata.measurement.measure import PhaseClock
from bigdata.runtimes.feed import Feed
from bigdata.runtimes.job import Job, Outcome

Connect = Callable[[Job, "list[Any]"], None]
RunPhase = Callable[[Job, str, Feed, PhaseClock, "list[Any]"], None]


def run_load(job: Job, connect: Connect, run_phase: RunPhase) -> Outcome:
    """Connect, load phase after phase, close.

    ``connect`` fills a list of connections, ``run_phase`` starts the clock and returns when all workers have ended.
    What they raise is raised when the connections have been closed.
    """
    outcome = Outcome()
    connections: list[Any] = []
    try:
        connect(job, connections)
        for phase, feed in job.feeds():
            clock = PhaseClock(feed.begin)
            try:
                feed.fill()
                run_phase(job, phase, feed, clock, connections)
                outcome.add(phase, feed, clock)
            finally:
                feed.close()
    finally:
        for connection in connections:
            job.driver.close(connection)
    return outcome


def add_connection(job: Job, connections: list[Any]) -> None:
    """Add one more connection to the list. Raises BadInput with the driver's reason if it cannot connect."""
    try:
        connections.append(job.connect())
    except job.driver.Error as error:
        raise cannot_connect(job.url, error) from error
