"""Every loader by name: hot loop x runtime x driver, and which axes of the matrix apply to it.

Data only: it imports nothing of the program, so that the harness can read it without importing a driver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PROTOCOLS = ("simple", "extended", "prepared")
"""How a statement gets to the server, in the words of PostgreSQL's documentation (chapter 55, "Message Flow").

``simple``: one Query message with the values put in as text by the client. ``extended``: Parse, Bind, Execute each
time. ``prepared``: Parse once per connection, then Bind and Execute.
"""

IMPLEMENTATIONS = ("binary", "c", "python")
"""What psycopg 3 calls its implementations (``psycopg.pq.__impl__``): C from a wheel, C built by psycopg-c, ctypes."""


LOOP_PACKAGES = ("uvloop", "rloop")
"""The event loops besides asyncio's own: each is a package of this name."""

# What PostgreSQL's smallint holds.
_LARGEST_SMALL_ID = 2**15 - 1

# How many Summary File 1 has.
_SEGMENTS = 39


@dataclass(frozen=True)
class DriverStatement:
    """A statement that the driver sends by itself, ``per_connection`` times, as ``pg_stat_statements`` shows it."""

    text: str
    per_connection: int
    why: str


@dataclass(frozen=True)
class Loader:
    """One contestant.

    ``hot_loop`` is the module below ``bigdata.loaders`` with the hand-written loops, ``runtime`` the module below
    ``bigdata.runtimes`` that starts its workers. ``loops`` names the event loops it can run on (empty: it has none),
    ``protocols`` what its driver can speak and ``implementations`` the driver's own (empty: it has one only); of each
    the first is what it uses unless asked. Which of them work on an interpreter is found by trying, never listed here.
    ``modules`` are the packages it imports, the driver first, and ``requirements`` the distributions that have them.
    ``concurrent`` is False where there is one connection, whatever the pool. ``driver_statements`` is what the driver
    sends besides the workload. ``pipelines`` says that its executemany sends all INSERTs of a record before it waits,
    which takes the extended protocol and makes them one transaction. ``prepares_apart`` says that each connection
    prepares a statement before it sends the first execution, and again for values of other types: in autocommit mode
    that is a transaction more.

    ``ceiling``: it is no contestant. A program of PostgreSQL's own does phase data, so that others can be compared with
    what no loader surpasses; its driver loads the geo records. ``extra_transactions`` is what that adds, however many
    connections there are. ``copies``: all rows of phase data are one statement, and nothing is SELECTed.
    ``values_differ``: it sends as many values as the files have, but not theirs.
    """

    name: str
    description: str
    driver: str
    hot_loop: str
    runtime: str
    modules: tuple[str, ...]
    requirements: tuple[str, ...]
    loops: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ("simple",)
    implementations: tuple[str, ...] = ()
    executemany: bool = False
    concurrent: bool = True
    driver_statements: tuple[DriverStatement, ...] = ()
    pipelines: bool = False
    prepares_apart: bool = False
    ceiling: bool = False
    extra_transactions: int = 0
    copies: bool = False
    values_differ: bool = False

    @property
    def connection_transactions(self) -> int:
        """What a worker adds to the server's ``xact_commit`` besides the workload: to connect is one.

        A ceiling's connects twice: its driver for the geo records, its program for the data records.
        """
        connections = 2 if self.ceiling else 1
        return connections + sum(statement.per_connection for statement in self.driver_statements)


_HSTORE = DriverStatement(
    "SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = $1",
    per_connection=1,
    why="aiopg looks up the types of hstore when it connects",
)

_THREADED = Loader(
    name="row_by_row_threaded",
    description="one thread per connection, blocking calls",
    driver="psycopg2",
    hot_loop="psycopg2",
    runtime="threads",
    modules=("psycopg2",),
    requirements=("psycopg2-binary",),
    executemany=True,
)

_PSYCOPG = Loader(
    name="row_by_row_psycopg_threaded",
    description="one thread per connection, blocking calls",
    driver="psycopg",
    hot_loop="psycopg",
    runtime="threads",
    modules=("psycopg",),
    requirements=("psycopg",),
    protocols=("prepared", "extended", "simple"),
    implementations=IMPLEMENTATIONS,
    executemany=True,
    pipelines=True,
    prepares_apart=True,
)

_PSQL = replace(
    _THREADED,
    name="ceiling_psql_file",
    description="no contestant: psql executes a file of the same statements over one connection",
    runtime="psql_file",
    executemany=False,
    concurrent=False,
    ceiling=True,
    # A connection that looks ids up before the clock starts, by two statements.
    extra_transactions=3,
)

_ALL = (
    _THREADED,
    replace(
        _THREADED,
        name="row_by_row_gevent",
        description="one greenlet per connection; the same blocking calls, which give way while they wait",
        runtime="greenlets",
        modules=("psycopg2", "gevent"),
        requirements=("psycopg2-binary", "gevent"),
    ),
    Loader(
        name="row_by_row_asyncio",
        description="one task per connection on one event loop",
        driver="aiopg",
        hot_loop="aiopg",
        runtime="tasks",
        modules=("aiopg", "psycopg2"),
        requirements=("aiopg", "psycopg2-binary"),
        loops=("asyncio", "uvloop", "rloop"),
        driver_statements=(_HSTORE,),
    ),
    Loader(
        name="row_by_row_asyncio_yield_from",
        description="tasks of generator coroutines with yield from: the style of 2014",
        driver="aiopg",
        hot_loop="aiopg_yield_from",
        runtime="tasks",
        modules=("aiopg", "psycopg2"),
        requirements=("aiopg", "psycopg2-binary"),
        loops=("asyncio", "uvloop"),
        driver_statements=(_HSTORE,),
    ),
    Loader(
        name="row_by_row_asyncpg",
        description="one task per connection, a driver with a protocol implementation of its own",
        driver="asyncpg",
        hot_loop="asyncpg",
        runtime="tasks",
        modules=("asyncpg",),
        requirements=("asyncpg",),
        loops=("asyncio", "uvloop", "rloop"),
        protocols=("prepared", "extended"),
    ),
    _PSYCOPG,
    replace(
        _PSYCOPG,
        name="row_by_row_psycopg_gevent",
        description="one greenlet per connection; the same blocking calls, which give way while they wait",
        runtime="greenlets",
        modules=("psycopg", "gevent"),
        requirements=("psycopg", "gevent"),
    ),
    replace(
        _PSYCOPG,
        name="row_by_row_psycopg_asyncio",
        description="one task per connection on one event loop",
        hot_loop="psycopg_async",
        runtime="tasks",
        loops=("asyncio", "uvloop"),
    ),
    replace(
        _THREADED,
        name="row_by_row_serial",
        description="one connection and no concurrency: the floor",
        runtime="serial",
        concurrent=False,
    ),
    replace(
        _THREADED,
        name="row_by_row_processes",
        description="one process per connection, each with an interpreter and a lock (GIL) of its own",
        runtime="processes",
    ),
    replace(
        _PSQL,
        name="ceiling_pgbench",
        description="no contestant: pgbench, a client in C, sends the same statements over as many connections",
        runtime="pgbench",
        protocols=("simple", "prepared"),
        concurrent=True,
        # It connects once before its clients do.
        extra_transactions=1,
        values_differ=True,
    ),
    replace(
        _PSQL,
        name="ceiling_copy",
        description="no contestant: the same rows by one COPY, what the server can take in",
        runtime="psql_copy",
        copies=True,
    ),
    _PSQL,
)

LOADERS: dict[str, Loader] = {loader.name: loader for loader in _ALL}
"""All that can be run, by name."""

CONTESTANTS: dict[str, Loader] = {loader.name: loader for loader in _ALL if not loader.ceiling}
"""Those that are compared, tested and proved to be alike: all but the ceilings."""


def expected_transactions(
    loader: Loader,
    *,
    geo_records: int,
    data_records: int,
    rows: int,
    poolsize: int,
    autocommit: bool,
    executemany: bool = False,
) -> int:
    """What the workload adds to ``xact_commit`` of its database: one per statement in autocommit, else one per record.

    ``rows`` counts the data elements. A data record has two SELECTs besides its INSERTs.
    """
    inserts = data_records if executemany and loader.pipelines else rows
    work = geo_records + 2 * data_records + inserts if autocommit else geo_records + data_records
    if loader.copies:
        work = geo_records + 1
    return work + poolsize * loader.connection_transactions + loader.extra_transactions


def most_prepared_inserts(data_records: int) -> int:
    """Of a script of pgbench, at most: each connection prepares all, and each turn passes by all records' SELECTs."""
    return 8 if data_records <= 500 else 40


@dataclass(frozen=True)
class TypedInserts:
    """How often the INSERTs of some files are executed: a number for each combination of their values' types."""

    geo: tuple[int, ...] = ()
    data: tuple[int, ...] = ()


def preparing_transactions(
    loader: Loader,
    inserts: TypedInserts,
    *,
    data_records: int,
    poolsize: int,
    autocommit: bool,
    protocol: str,
    executemany: bool = False,
) -> range:
    """How many transactions more it takes to prepare statements; more than one where connections decide that.

    Each combination of statement and types is prepared at least once, and at most by each connection that executes it.
    """
    if loader.ceiling and protocol == "prepared":
        # The SELECT of each record's id is a statement of its own, once; each connection prepares the others it needs.
        others = min(_SEGMENTS, data_records) + most_prepared_inserts(data_records)
        return range(data_records + min(data_records, 2), data_records + poolsize * others + 1)
    if not (loader.prepares_apart and autocommit and protocol == "prepared"):
        return range(1)
    # Both SELECTs have the same types for every record. A pipeline prepares within its own transaction.
    executed = [*inserts.geo, data_records, data_records]
    fewest, most = len(executed), sum(min(poolsize, times) for times in executed)
    if not (executemany and loader.pipelines):
        # Ids of geo records are values, too: small ones and, from some on, bigger ones, and nobody knows whose.
        kinds = 1 if sum(inserts.geo) <= _LARGEST_SMALL_ID else 2
        fewest += len(inserts.data)
        most += sum(min(kinds * poolsize, times) for times in inserts.data)
    return range(fewest, most + 1)
