"""Contract of the runtimes: job, outcome, and the interface of a driver's module in ``bigdata.loaders``."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, NamedTuple

# typing has it from 3.8 on; to the running program it is only a name.
try:
    from typing import Protocol
except ImportError:
    Protocol = object  # type: ignore[assignment]

from bigdata.errors import LoadFailed, driver_error
from bigdata.measurement.loop_lag import LoopLag
from bigdata.measurement.measure import Measured, PhaseClock, Usage
from bigdata.measurement.profiling import Profiler
from bigdata.measurement.tally import Taken
from bigdata.runtimes.feed import Feed
from bigdata.runtimes.open_loop import Schedule

if TYPE_CHECKING:
    from bigdata.runtimes.answers import Answers

# When a run fails, the server is asked to cancel the other workers' statements, again and again because a worker may
# be between two of them; where the server does not answer, their connections are broken off.
CANCEL_FOR_S = 2.0
CANCEL_AGAIN_AFTER_S = 0.05
BREAK_OFF_FOR_S = 1.0

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

SHOWN_STATEMENT_CHARACTERS = 300

_POOLER = (
    "a connection pooler such as PgBouncer in transaction mode does not keep prepared statements: choose --protocol "
    "extended or simple, whichever the loader supports"
)

# Phases in which workers note each record that they take. A geo record is a row, and nothing is done per row.
TALLIED_PHASES = ("data",)


class HotLoops(NamedTuple):
    """A driver's loops for one way of committing and inserting: each takes a connection and its records.

    Coroutine functions where the driver is asynchronous.
    """

    geo: Callable[[Any, Any], Any]
    data: Callable[[Any, Any], Any]


class Operations(NamedTuple):
    """A driver's loop for each workload other than ``ingest``: it takes a connection and keys of geo records."""

    lookup: Callable[[Any, Any], Any]
    fetch: Callable[[Any, Any], Any]
    transaction: Callable[[Any, Any], Any]
    wait: Callable[[Any, Any], Any]


class Driver(Protocol):
    """Interface of a module in ``bigdata.loaders``; if asynchronous, ``connect`` and ``close`` are coroutines."""

    Error: type[Exception]
    """Base class of the driver's errors, except the ValueError of a value that cannot be sent.

    An asynchronous driver that also lets the system's errors through has several, in a tuple.
    """
    connect: Callable[..., Any]
    """(url, autocommit, protocol, statements): open a connection; with a Counter it counts every statement there.

    ``protocol`` is one of those that the registry has for the loader. Of a module for the checkout per operation also
    (poolsize): open a pool of so many connections, which stands in the place of a connection everywhere.
    """
    close: Callable[[Any], Any]
    """Close a connection that no statement runs on."""
    cancel: Callable[[Any], None]
    """Ask the server to cancel the statement on the connection, whatever state it is in."""
    abandon: Callable[[Any], None]
    """Shut down the connection: any thread that waits for the server gets an error."""
    hot_loops: Callable[..., HotLoops]
    """(autocommit, executemany): return the loops."""
    OPERATIONS: Operations
    """The loops of the other workloads."""
    statement_of: Callable[[BaseException], str | None]
    """Return the statement behind an error, with its values, if the driver knows it."""
    session: Callable[[Any], Any]
    """Return the rows of ``statements.SESSION``; only ``check`` asks for it, never a connection that is measured."""
    use_greenlets: Callable[[], None]
    """Blocking drivers have it: from now on a greenlet that waits for the server lets others go on. Called once, by
    ``bigdata.runtimes.greenlets``, before it connects."""
    backend_pid: Callable[[Any], int]
    """Return the process ID of the connection's backend; only for ``bigdata.runtimes.processes``."""


@dataclass(frozen=True)
class Job:
    """One load: driver, database, number of connections, and the records of each phase."""

    driver: Driver
    url: str
    poolsize: int
    autocommit: bool
    executemany: bool
    protocol: str
    """One of ``bigdata.registry.PROTOCOLS``."""
    phases: tuple[tuple[str, Iterator[Any], Callable[[Any], int]], ...]
    """Name, records, and a function for the number of rows of a record."""
    statements: Counter[str] | None = None
    """Counts the statements that the drivers send, if given."""
    profiler: Profiler | None = None
    """Profiles every hot loop, if given."""
    loop_lag: LoopLag | None = None
    """Measures the lag of the event loop, if given."""
    workload: str = "ingest"
    """One of ``bigdata.registry.WORKLOADS``."""
    answers: Answers | None = None
    """Digests what arrives in phase ``check``, if given."""
    schedule: Schedule | None = None
    """When each operation of phase ``data`` comes; None for a closed loop, whose workers begin the next at once."""
    pooled: bool = False
    """True: the driver opens one pool, which all workers share."""

    @contextmanager
    def watch_loop(self, loop: Any) -> Iterator[None]:
        """Measure the lag of the event loop meanwhile, if requested."""
        if self.loop_lag is None:
            yield
        else:
            with self.loop_lag.watch(loop):
                yield

    @property
    def connects(self) -> int:
        """Return how often to connect: once for each worker, or once for a pool."""
        return 1 if self.pooled else self.poolsize

    def connect(self) -> Any:
        """Open a connection, or the pool; to be awaited if the driver is asynchronous."""
        size = {"poolsize": self.poolsize} if self.pooled else {}
        return self.driver.connect(
            self.url, autocommit=self.autocommit, protocol=self.protocol, statements=self.statements, **size
        )

    def workers_of(self, connections: list[Any]) -> list[Any]:
        """Return what each worker gets: a connection of its own, or the pool."""
        return connections * self.poolsize if self.pooled else connections

    def feeds(self) -> Iterator[tuple[str, Feed]]:
        """Yield each phase's name and its unread records."""
        for phase, records, rows_of in self.phases:
            tallied = phase in TALLIED_PHASES
            yield phase, Feed(records, rows_of, tallied=tallied, schedule=self.schedule if tallied else None)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function, profiled if requested."""
        return function(*arguments) if self.profiler is None else self.profiler.call(function, *arguments)

    def hot_loop(self, phase: str) -> Callable[[Any, Any], Any]:
        """Return the driver's loop for this phase ('geo', 'data'; of another workload than ingest 'check', 'data')."""
        if self.workload != "ingest":
            operate: Callable[[Any, Any], Any] = getattr(self.driver.OPERATIONS, self.workload)
            return self.answers.watched(operate) if self.answers is not None and phase == "check" else operate
        loops = self.driver.hot_loops(autocommit=self.autocommit, executemany=self.executemany)
        loop: Callable[[Any, Any], Any] = getattr(loops, phase)
        return loop


@dataclass
class Outcome:
    """Measurements and counts of a load."""

    measured: dict[str, Measured] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    taken: dict[str, list[Taken]] = field(default_factory=dict)
    """Tally of each worker; empty for a phase without tallies."""
    read_ahead: int = 0
    streamed: int = 0
    children_peak_rss_bytes: int = 0
    """Sum of the peak memory of all child processes; shared memory counts in each."""
    programs: Mapping[str, str] = field(default_factory=dict)
    """Version by name of the program that a ceiling runs."""

    def add(self, phase: str, feed: Feed, clock: PhaseClock, children: Iterable[Usage] = ()) -> None:
        """Stop the clock of a phase and add its counts. ``children`` is the usage of child processes."""
        self.measured[phase] = clock.stop(feed.rows, children)
        self.records[phase] = feed.read_ahead + feed.streamed
        self.taken[phase] = feed.taken()
        self.read_ahead += feed.read_ahead
        self.streamed += feed.streamed


def load_failed(driver: Driver, record: Any, error: BaseException) -> LoadFailed:
    """Return the error of a failed worker: record, statement, the server's message."""
    from bigdata.census.sf1 import describe

    where = "before the first record" if record is None else describe(record)
    statement = " ".join((driver.statement_of(error) or "").split())
    if len(statement) > SHOWN_STATEMENT_CHARACTERS:
        statement = statement[:SHOWN_STATEMENT_CHARACTERS] + "..."
    message = str(driver_error(error)).strip() or type(error).__name__
    if 'prepared statement "' in message:
        message = f"{' '.join(message.split())} ({_POOLER})"
    return LoadFailed(": ".join(part for part in (where, statement, message) if part))
