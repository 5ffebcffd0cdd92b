"""One connection, used by the main thread: no concurrency, the lower bound of the other runtimes."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from bigdata.errors import BadInput
from bigdata.measurement.measure import PhaseClock
from bigdata.runtimes.blocking import run_load
from bigdata.runtimes.feed import Feed, Records
from bigdata.runtimes.insisting import insist
from bigdata.runtimes.job import BREAK_OFF_FOR_S, CANCEL_FOR_S, STOP_SIGNALS, Job, Outcome, load_failed
from bigdata.runtimes.threads import connect


def run(job: Job) -> Outcome:
    """Connect, load phase after phase, close.

    Raises LoadFailed if the connection or a statement fails, BadInput of the reader. To be called in the main
    thread. Raises BadInput for more than one connection.
    """
    if job.poolsize != 1:
        raise BadInput(f"--poolsize: found {job.poolsize}, but the serial loader has one connection; give 1")
    # A thread makes the connection, as nothing interrupts a driver that waits for a server to accept.
    return run_load(job, connect, _run_phase)


def _run_phase(job: Job, phase: str, feed: Feed, clock: PhaseClock, connections: list[Any]) -> None:
    (connection,) = connections
    hot_loop = job.hot_loop(phase)
    records = Records(feed)

    def cancel() -> None:
        feed.close()
        job.driver.cancel(connection)

    def abandon() -> None:
        job.driver.abandon(connection)

    with _interruptible(cancel, abandon) as interrupted:
        clock.start()
        try:
            job.call(hot_loop, connection, records)
        except (job.driver.Error, ValueError) as error:
            if interrupted.is_set():
                raise KeyboardInterrupt from None
            raise load_failed(job.driver, records.current, error) from error


@contextmanager
def _interruptible(cancel: Callable[[], None], abandon: Callable[[], None]) -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM cancel the statement of the main thread and set the event.

    Their handlers run in the main thread as soon as it is back from the driver. But the interpreter writes the number
    of a signal to a file at once: a thread that reads it has the server cancel the statement.
    """
    interrupted, over = threading.Event(), threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def listen() -> None:
        while True:
            number = os.read(reading, 1)
            if not number:
                os.close(reading)
                return
            if number[0] in STOP_SIGNALS:
                interrupted.set()
                insist(cancel, over, CANCEL_FOR_S)
                insist(abandon, over, BREAK_OFF_FOR_S)

    threading.Thread(target=listen, name="listener", daemon=True).start()
    before = signal.set_wakeup_fd(writing)
    try:
        yield interrupted
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(writing)
