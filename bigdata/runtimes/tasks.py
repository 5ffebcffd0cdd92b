"""One task per connection on one event loop, for asynchronous drivers: the twin of ``threads``."""

from __future__ import annotations

import asyncio
import signal
import time
from asyncio.log import logger
from contextlib import contextmanager
from typing import Any, Callable, Coroutine, Iterator, Sequence

from bigdata.database.dburl import cannot_connect
from bigdata.errors import INTERRUPTED, Interrupted
from bigdata.measurement.measure import PhaseClock
from bigdata.runtimes.aside import Aside
from bigdata.runtimes.async_records import AsyncRecords, AwaitedRecords
from bigdata.runtimes.feed import Feed
from bigdata.runtimes.job import (
    BREAK_OFF_FOR_S,
    CANCEL_AGAIN_AFTER_S,
    CANCEL_FOR_S,
    STOP_SIGNALS,
    Job,
    Outcome,
    load_failed,
)
from bigdata.runtimes.timer import Line

# PostgreSQL starts a process for each connection: of a thousand at once the last would wait longer than a driver does.
CONNECTING_AT_ONCE = 50

Stop = Callable[[int], None]
Worker = Coroutine[Any, Any, None]


def run(job: Job, new_event_loop: Callable[[], asyncio.AbstractEventLoop]) -> Outcome:
    """Connect, load phase after phase, close, all on a new event loop.

    Raises what the first worker that failed raised: LoadFailed, or BadInput of the reader. By then the others have
    been stopped and the connections closed.
    """
    # Closing the loop would leave the system's default for those that it listened to.
    handlers = [(number, signal.getsignal(number)) for number in STOP_SIGNALS]
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with job.watch_loop(loop):
            outcome: Outcome = job.call(loop.run_until_complete, _run(job))
        return outcome
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        for number, handler in handlers:
            signal.signal(number, handler)


async def _run(job: Job) -> Outcome:
    outcome = Outcome()
    connections: list[Any] = []
    interrupted = _listen_to_signals()
    try:
        await _connect(job, connections, interrupted)
        for phase, feed in job.feeds():
            clock = PhaseClock(feed.begin)
            try:
                feed.fill()
                await _run_phase(job, phase, feed, clock, connections, interrupted)
                outcome.add(phase, feed, clock)
            finally:
                feed.close()
    finally:
        # All at once: a driver may wait for the server to close its side, which a frozen one does not.
        await asyncio.gather(*(job.driver.close(connection) for connection in connections))
    return outcome


async def _connect(job: Job, connections: list[Any], interrupted: asyncio.Future[None]) -> None:
    errors: tuple[type[Exception], ...] = (*_errors_of(job), OSError, asyncio.TimeoutError)

    turns = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect() -> None:
        async with turns:
            try:
                connections.append(await job.connect())
            except errors as error:
                raise cannot_connect(job.url, error) from error

    await _run_together([connect() for _ in range(job.connects)], interrupted, stops=())


async def _run_phase(
    job: Job, phase: str, feed: Feed, clock: PhaseClock, connections: list[Any], interrupted: asyncio.Future[None]
) -> None:
    hot_loop, errors = job.hot_loop(phase), _errors_of(job)
    reasons, connections = _listen_to_reasons(job), job.workers_of(connections)

    async def work(connection: Any) -> None:
        records = AsyncRecords(feed) if line is None else AwaitedRecords(feed, line)
        try:
            await hot_loop(connection, records)
        except errors as error:
            raise load_failed(job.driver, records.current, error) from error
        except (asyncio.CancelledError, asyncio.TimeoutError) as error:
            # aiopg turns a statement that the server cancelled into a cancelled task, and tells the loop why.
            raise load_failed(job.driver, records.current, reasons[-1] if reasons else error) from error

    def cancel(index: int) -> None:
        feed.close()
        job.driver.cancel(connections[index])

    def abandon(index: int) -> None:
        job.driver.abandon(connections[index])

    with _line_of(feed) as line:
        # None of them runs before this coroutine waits for them.
        clock.start()
        workers = [work(connection) for connection in connections]
        await _run_together(workers, interrupted, stops=((cancel, CANCEL_FOR_S), (abandon, BREAK_OFF_FOR_S)))


@contextmanager
def _line_of(feed: Feed) -> Iterator[Line | None]:
    """Let the event loop ring for the operations of an open loop meanwhile; None of a closed one."""
    if feed.schedule is None:
        yield None
        return
    line, loop = Line(), asyncio.get_event_loop()
    loop.add_reader(line.timer, line.ring)
    try:
        yield line
    finally:
        loop.remove_reader(line.timer)
        line.close()


async def _run_together(
    workers: Sequence[Worker], interrupted: asyncio.Future[None], stops: Sequence[tuple[Stop, float]]
) -> None:
    """Run each worker in its own task and wait for all; the first error, or Ctrl-C, stops them and is raised."""
    tasks = [asyncio.ensure_future(worker) for worker in workers]
    work = asyncio.gather(*tasks)
    try:
        awaited: list[asyncio.Future[Any]] = [work, interrupted]
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if interrupted.done():
            raise Interrupted(INTERRUPTED)
        work.result()
    except BaseException:
        for stop, within_s in stops:
            await _stop(tasks, stop, within_s)
        for task in tasks:
            task.cancel()
        # Their errors are known by now; asyncio complains of those that nobody looks at.
        await asyncio.gather(work, *tasks, return_exceptions=True)
        raise


async def _stop(tasks: Sequence[asyncio.Future[None]], stop: Stop, within_s: float) -> None:
    """Call ``stop`` with the number of each task that still runs, until none does."""
    deadline_s = time.monotonic() + within_s
    aside = Aside()
    while not all(task.done() for task in tasks) and time.monotonic() < deadline_s:
        aside.call(stop, [index for index, task in enumerate(tasks) if not task.done()])
        await asyncio.wait(tasks, timeout=CANCEL_AGAIN_AFTER_S)


def _errors_of(job: Job) -> tuple[type[Exception], ...]:
    """Return the driver's errors, and the ValueError of a value that cannot be sent or of a URL."""
    errors = job.driver.Error
    return (*errors, ValueError) if isinstance(errors, tuple) else (errors, ValueError)


def _listen_to_signals() -> asyncio.Future[None]:
    """Return a future that is done when the program is asked to stop."""
    loop = asyncio.get_event_loop()
    interrupted: asyncio.Future[None] = loop.create_future()

    def interrupt() -> None:
        if not interrupted.done():
            interrupted.set_result(None)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, interrupt)
    return interrupted


def _listen_to_reasons(job: Job) -> list[BaseException]:
    """Return a growing list of driver errors that reach the event loop but no task."""
    reasons: list[BaseException] = []

    def note(*loop_and_context: Any) -> None:
        # asyncio hands over both, rloop the context alone, and it has no default handler to call.
        loop, context = loop_and_context[:-1], loop_and_context[-1]
        error = context.get("exception")
        if isinstance(error, job.driver.Error):
            reasons.append(error)
        elif loop:
            loop[0].default_exception_handler(context)
        else:
            logger.error("%s: %r", context.get("message"), error)

    asyncio.get_event_loop().set_exception_handler(note)
    return reasons
