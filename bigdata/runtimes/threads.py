"""One thread per connection, for drivers that block: the twin of ``tasks``."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import Any, Callable, Sequence

from bigdata.measurement.measure import PhaseClock
from bigdata.runtimes.aside import Aside
from bigdata.runtimes.blocking import add_connection, run_load
from bigdata.runtimes.feed import Feed, Records
from bigdata.runtimes.job import BREAK_OFF_FOR_S, CANCEL_AGAIN_AFTER_S, CANCEL_FOR_S, Job, Outcome, load_failed

Stop = Callable[[int], None]


def run(job: Job) -> Outcome:
    """Connect, load phase after phase, close.

    Raises what the first worker that failed raised: LoadFailed, or BadInput of the reader. By then the others have
    been stopped and the connections closed.
    """
    return run_load(job, connect, _run_phase)


def connect(job: Job, connections: list[Any]) -> None:
    """Open all connections at the same time, into the list. Raises BadInput with the driver's reason for the first."""

    def make() -> None:
        add_connection(job, connections)

    def nothing(index: int) -> None:
        """Do nothing: a connection attempt cannot be cancelled."""

    run_together([make] * job.connects, stops=((nothing, BREAK_OFF_FOR_S),))


def _run_phase(job: Job, phase: str, feed: Feed, clock: PhaseClock, connections: list[Any]) -> None:
    hot_loop, connections = job.hot_loop(phase), job.workers_of(connections)
    # The last worker to arrive starts the clock and lets all of them go.
    ready = threading.Barrier(len(connections), action=clock.start)

    def worker(connection: Any) -> Callable[[], None]:
        def work() -> None:
            records = Records(feed)
            ready.wait()
            try:
                job.call(hot_loop, connection, records)
            except (job.driver.Error, ValueError) as error:
                raise load_failed(job.driver, records.current, error) from error
            clock.leave()

        return work

    def cancel(index: int) -> None:
        ready.abort()
        feed.close()
        job.driver.cancel(connections[index])

    def abandon(index: int) -> None:
        job.driver.abandon(connections[index])

    workers = [worker(connection) for connection in connections]
    run_together(workers, stops=((cancel, CANCEL_FOR_S), (abandon, BREAK_OFF_FOR_S)))


def run_together(workers: Sequence[Callable[[], None]], stops: Sequence[tuple[Stop, float]]) -> None:
    """Run each worker in its own thread and wait for all; the first error, or Ctrl-C, stops them and is raised."""
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def run_worker(worker: Callable[[], None]) -> None:
        try:
            worker()
        except BaseException as error:
            ended.put(error)
        else:
            ended.put(None)

    # Daemons: a thread that nothing can stop must not keep the program from ending.
    threads = [threading.Thread(target=run_worker, args=(worker,), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for _ in threads:
            error = ended.get()
            if error is not None:
                raise error
    except BaseException:
        for stop, within_s in stops:
            _stop(threads, stop, within_s)
        raise


def _stop(threads: list[threading.Thread], stop: Stop, within_s: float) -> None:
    """Call ``stop`` with the number of each thread that still runs, until none does."""
    deadline_s = time.monotonic() + within_s
    aside = Aside()
    running = [(index, thread) for index, thread in enumerate(threads) if thread.is_alive()]
    while running and time.monotonic() < deadline_s:
        aside.call(stop, [index for index, _ in running])
        pause_until_s = time.monotonic() + CANCEL_AGAIN_AFTER_S
        for _, thread in running:
            thread.join(max(0.0, pause_until_s - time.monotonic()))
        running = [(index, thread) for index, thread in running if thread.is_alive()]
