"""One process per connection, for drivers that block: each has its own interpreter and lock (GIL).

All are forked once, before anything is measured, and keep their connection over all phases. The records that were read
ahead are theirs by the fork, which copies nothing; a counter in shared memory hands each out once. What was not read
ahead comes from the parent. In the parent a thread per child does nothing but talk with it.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from typing import Any, Callable

from bigdata.database import statements as sql
from bigdata.database.dburl import connect
from bigdata.errors import BadInput, LoadFailed
from bigdata.measurement.measure import PhaseClock
from bigdata.runtimes.child import Child
from bigdata.runtimes.feed import Feed
from bigdata.runtimes.job import BREAK_OFF_FOR_S, CANCEL_FOR_S, Job, Outcome
from bigdata.runtimes.shared_records import Share
from bigdata.runtimes.threads import run_together
from bigdata.runtimes.worker_process import Lifeline, WorkerProcess

END_WITHIN_S = 1.0


def run(job: Job) -> Outcome:
    """Read ahead, fork, connect, load phase after phase, close.

    Raises what the first worker that failed raised: LoadFailed, or BadInput of the reader. By then the others have
    been stopped, and neither they nor their connections are left.
    """
    if not hasattr(os, "fork"):
        raise BadInput(f"processes: {sys.platform} cannot fork them; take a loader with threads or tasks")
    outcome = Outcome()
    feeds = dict(job.feeds())
    for feed in feeds.values():
        feed.fill(stream=False)
    team = _Team(job, feeds)
    try:
        team.start()
        for phase, feed in feeds.items():
            clock = PhaseClock(feed.begin)
            team.run_phase(phase, feed, clock)
            outcome.add(phase, feed, clock, [worker.used for worker in team.workers])
            outcome.taken[phase] = [worker.taken for worker in team.workers if worker.taken is not None]
        team.take_leave(outcome)
    finally:
        for feed in feeds.values():
            feed.close()
        team.end()
    return outcome


class _Team:
    """All child processes."""

    def __init__(self, job: Job, feeds: dict[str, Feed]) -> None:
        self._job = job
        self._shares = {phase: Share(feed) for phase, feed in feeds.items()}
        self._lifeline = Lifeline()
        self.workers: list[WorkerProcess] = []

    def start(self) -> None:
        """Fork all children and wait until they are connected."""
        # Else the first collection in each child would write to all objects, and so copy them.
        gc.freeze()
        try:
            for number in range(1, self._job.poolsize + 1):
                self.workers.append(WorkerProcess.fork(number, self.workers, self._work))
        except OSError as error:
            raise LoadFailed(f"worker {number} of {self._job.poolsize} cannot be forked: {error.strerror}") from error
        finally:
            gc.unfreeze()
        self._together([worker.wait_until_connected for worker in self.workers], self._lifeline.cut)

    def _work(self, channel: Any) -> None:
        """Run in a child."""
        self._lifeline.keep_reading()
        Child(self._job, channel, self._shares).run(self._lifeline.reading)

    def run_phase(self, phase: str, feed: Feed, clock: PhaseClock) -> None:
        """Start the clock and let all children load."""
        ready = threading.Barrier(len(self.workers), action=clock.start)

        def talk_with(worker: WorkerProcess) -> Callable[[], None]:
            def talk() -> None:
                ready.wait()
                worker.load(phase, feed)

            return talk

        def stop() -> None:
            ready.abort()
            feed.close()
            self._lifeline.cut()

        if feed.may_stream:
            feed.stream()
        self._together([talk_with(worker) for worker in self.workers], stop)

    def take_leave(self, outcome: Outcome) -> None:
        """Let all children end, and collect their counts."""
        self._together([worker.take_leave for worker in self.workers], self._lifeline.cut)
        farewells = [worker.farewell for worker in self.workers if worker.farewell is not None]
        outcome.children_peak_rss_bytes = sum(farewell.peak_rss_bytes for farewell in farewells)
        for farewell in farewells:
            if self._job.statements is not None:
                self._job.statements.update(farewell.statements)
            if self._job.profiler is not None:
                self._job.profiler.add(farewell.profile)

    def end(self) -> None:
        """End all children and their backends."""
        self._lifeline.close()
        deadline_s = time.monotonic() + END_WITHIN_S
        for worker in self.workers:
            worker.end(deadline_s)
        left = [worker.backend for worker in self.workers if worker.was_killed and worker.backend is not None]
        if left:
            # The server notices that a client is gone only when it has something to say to it.
            terminating = threading.Thread(target=_terminate, args=(self._job.url, left), daemon=True)
            terminating.start()
            terminating.join(END_WITHIN_S)

    def _together(self, talks: list[Callable[[], None]], stop: Callable[[], None]) -> None:
        stops = (
            (lambda index: stop(), CANCEL_FOR_S + BREAK_OFF_FOR_S),
            (lambda index: self.workers[index].kill(), BREAK_OFF_FOR_S),
        )
        run_together(talks, stops)


def _terminate(url: str, backends: list[int]) -> None:
    try:
        connection = connect(url)
    except BadInput:
        # Nobody can be asked: the server has other worries.
        return
    with connection.cursor() as cursor:
        for backend in backends:
            cursor.execute(sql.pyformat(sql.TERMINATE_BACKEND), (backend,))
    connection.close()
