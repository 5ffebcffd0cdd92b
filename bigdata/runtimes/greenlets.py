"""One greenlet per connection on gevent's hub, for drivers that block: the twin of ``threads``."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Sequence

import gevent
from gevent.hub import Waiter
from gevent.queue import Queue

from bigdata.measurement.measure import PhaseClock
from bigdata.runtimes.aside import Aside
from bigdata.runtimes.blocking import add_connection, run_load
from bigdata.runtimes.feed import Feed, Records
from bigdata.runtimes.job import (
    BREAK_OFF_FOR_S,
    CANCEL_AGAIN_AFTER_S,
    CANCEL_FOR_S,
    STOP_SIGNALS,
    Job,
    Outcome,
    load_failed,
)
from bigdata.runtimes.open_loop import Turns
from bigdata.runtimes.timer import Line

Stop = Callable[[int], None]


def prepare() -> None:
    """Patch ``select`` for gevent; to be called before a driver that waits by it is imported.

    Nothing else is patched: the reader's thread and those that stop the workers stay threads.
    """
    from gevent import monkey

    # Not aggressive: select.epoll stays, for an event loop that somebody else may make in this process.
    monkey.patch_select(aggressive=False)


def run(job: Job) -> Outcome:
    """Connect, load phase after phase, close.

    Raises what the first worker that failed raised: LoadFailed, or BadInput of the reader. By then the others have
    been stopped and the connections closed.
    """
    job.driver.use_greenlets()
    outcome: Outcome = job.call(run_load, job, _connect, _run_phase)
    return outcome


class GreenletRecords(Records):
    """The records of one greenlet. One of gevent's own threads waits for the reader, never the hub.

    In an open loop a ``line`` wakes it when its next operation is due.
    """

    def __init__(self, feed: Feed, line: Line | None = None) -> None:
        super().__init__(feed)
        if line is not None and isinstance(self._tally, Turns):
            self._line, self._tally.wait = line, self._wait

    def _wait(self, due_ns: int) -> bool:
        waiter = Waiter()
        self._line.join(due_ns, lambda: waiter.switch(None))
        waiter.get()
        return self._feed.schedule is not None and not self._feed.schedule.closed

    def _refill(self) -> bool:
        if self._feed.would_wait:
            refilled: bool = gevent.get_hub().threadpool.apply(self._feed.refill)
            return refilled
        return self._feed.refill()


def _connect(job: Job, connections: list[Any]) -> None:
    def make() -> None:
        add_connection(job, connections)

    _run_together([make] * job.poolsize, stops=())


def _run_phase(job: Job, phase: str, feed: Feed, clock: PhaseClock, connections: list[Any]) -> None:
    hot_loop = job.hot_loop(phase)

    def worker(connection: Any) -> Callable[[], None]:
        def work() -> None:
            records = GreenletRecords(feed, line)
            try:
                hot_loop(connection, records)
            except (job.driver.Error, ValueError) as error:
                raise load_failed(job.driver, records.current, error) from error

        return work

    def cancel(index: int) -> None:
        feed.close()
        job.driver.cancel(connections[index])

    def abandon(index: int) -> None:
        job.driver.abandon(connections[index])

    with _line_of(feed) as line:
        # None of them runs before this greenlet waits for them.
        clock.start()
        workers = [worker(connection) for connection in connections]
        _run_together(workers, stops=((cancel, CANCEL_FOR_S), (abandon, BREAK_OFF_FOR_S)))


@contextmanager
def _line_of(feed: Feed) -> Iterator[Line | None]:
    """Let gevent's hub ring for the operations of an open loop meanwhile; None of a closed one."""
    if feed.schedule is None:
        yield None
        return
    line = Line()
    watcher = gevent.get_hub().loop.io(line.timer, 1)
    watcher.start(line.ring)
    try:
        yield line
    finally:
        watcher.close()
        line.close()


def _run_together(workers: Sequence[Callable[[], None]], stops: Sequence[tuple[Stop, float]]) -> None:
    """Run each worker in its own greenlet and wait for all; the first error, or Ctrl-C, stops them and is raised."""
    # gevent's SimpleQueue is, up to 22.10, the standard library's: whoever waits there stops everything.
    ended: Queue[BaseException | None] = Queue()

    def run_worker(worker: Callable[[], None]) -> None:
        try:
            worker()
        except BaseException as error:
            ended.put(error)
        else:
            ended.put(None)

    with _interrupts(ended.put):
        greenlets = [gevent.spawn(run_worker, worker) for worker in workers]
        try:
            for _ in greenlets:
                error = ended.get()
                if error is not None:
                    raise error
        except BaseException:
            for stop, within_s in stops:
                _stop(greenlets, stop, within_s)
            gevent.killall(greenlets, timeout=BREAK_OFF_FOR_S)
            raise


def _stop(greenlets: Sequence[gevent.Greenlet], stop: Stop, within_s: float) -> None:
    """Call ``stop`` with the number of each greenlet that still runs, until none does."""
    deadline_s = time.monotonic() + within_s
    aside = Aside()
    while not all(greenlet.dead for greenlet in greenlets) and time.monotonic() < deadline_s:
        aside.call(stop, [index for index, greenlet in enumerate(greenlets) if not greenlet.dead])
        gevent.joinall(greenlets, timeout=CANCEL_AGAIN_AFTER_S)


@contextmanager
def _interrupts(put: Callable[[BaseException], Any]) -> Iterator[None]:
    """Put a KeyboardInterrupt into the queue on Ctrl-C or SIGTERM, instead of raising it in any greenlet.

    A greenlet that is torn out of its wait for the server would leave its statement running there.
    """
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    # One that is ignored or ends the process at once goes on doing so.
    handled = [number for number, handler in before.items() if callable(handler)]
    for number in handled:
        signal.signal(number, lambda number, frame: put(KeyboardInterrupt()))
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])
