"""Child process of the runtime ``processes``: one connection, and phases as the parent requests them.

It ends when the parent says so, and when the parent is gone.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Mapping, NamedTuple

from bigdata.database.dburl import cannot_connect
from bigdata.errors import BadInput, LoadFailed
from bigdata.measurement.measure import PhaseClock, Usage, peak_rss_bytes
from bigdata.measurement.profiling import Statistics
from bigdata.measurement.tally import Taken
from bigdata.runtimes.insisting import insist
from bigdata.runtimes.job import BREAK_OFF_FOR_S, CANCEL_FOR_S, Job, load_failed
from bigdata.runtimes.shared_records import Share, SharedRecords


class Ready(NamedTuple):
    """Message: the child is connected to this backend."""

    backend: int


class More(NamedTuple):
    """Message: the child needs records beyond those that existed at the fork."""


class Done(NamedTuple):
    """Message: the child has finished the phase, with its usage and its tally, if it keeps one."""

    usage: Usage
    taken: Taken | None


class Failed(NamedTuple):
    """Message: the child cannot continue."""

    text: str
    bad_input: bool = False


class Farewell(NamedTuple):
    """Message: the child ends as requested."""

    peak_rss_bytes: int
    statements: Counter[str]
    profile: list[Statistics]


class Child:
    """One worker process. The parent sends names of phases, records, and None at the end."""

    def __init__(self, job: Job, channel: Connection, shares: Mapping[str, Share]) -> None:
        self._job = job
        self._channel = channel
        self._shares = shares
        self._connection: Any = None
        self._records: SharedRecords | None = None
        self._stopping = False

    def run(self, lifeline: int) -> None:
        """Work until the parent ends it; ``lifeline`` closes if all have to stop at once."""
        threading.Thread(target=self._end_with, args=(lifeline,), daemon=True).start()
        # Nobody is there to tell when the channel is broken.
        with suppress(EOFError, OSError):
            try:
                self._work()
            except (EOFError, OSError):
                raise
            except (BadInput, LoadFailed) as error:
                self._channel.send(Failed(str(error), isinstance(error, BadInput)))
            except BaseException:
                self._channel.send(Failed(traceback.format_exc()))
        if self._connection is not None:
            self._job.driver.close(self._connection)

    def _work(self) -> None:
        driver = self._job.driver
        try:
            self._connection = self._job.connect()
        except driver.Error as error:
            raise cannot_connect(self._job.url, error) from error
        self._channel.send(Ready(driver.backend_pid(self._connection)))
        for phase in iter(self._channel.recv, None):
            self._load(phase)
        job = self._job
        profile = [] if job.profiler is None else job.profiler.take()
        self._channel.send(Farewell(peak_rss_bytes(), job.statements or Counter(), profile))

    def _load(self, phase: str) -> None:
        clock = PhaseClock()
        clock.start()
        hot_loop = self._job.hot_loop(phase)
        self._records = records = SharedRecords(self._shares[phase], self._ask)
        if self._stopping:
            records.close()
        try:
            self._job.call(hot_loop, self._connection, records)
        except (self._job.driver.Error, ValueError) as error:
            raise load_failed(self._job.driver, records.current, error) from error
        self._channel.send(Done(clock.stop(0).usage, records.taken()))

    def _ask(self) -> list[Any]:
        self._channel.send(More())
        records: list[Any] = self._channel.recv()
        return records

    def _end_with(self, lifeline: int) -> None:
        """Wait for the lifeline to close, then let the server stop the main thread, which may be inside the driver."""
        os.read(lifeline, 1)
        self._stopping = True
        if self._connection is not None:
            # When the main thread has ended, so has this one.
            never = threading.Event()
            insist(self._cancel, never, CANCEL_FOR_S)
            insist(self._abandon, never, BREAK_OFF_FOR_S)
        os._exit(1)

    def _cancel(self) -> None:
        if self._records is not None:
            self._records.close()
        self._job.driver.cancel(self._connection)

    def _abandon(self) -> None:
        self._job.driver.abandon(self._connection)
