"""Fields of a loader's row in the registry, and the values of the matrix axes that depend on the driver."""

from __future__ import annotations

from dataclasses import dataclass, replace

PROTOCOLS = ("simple", "extended", "prepared")
"""How a statement reaches the server, in the terms of PostgreSQL's documentation (chapter 55, "Message Flow").

``simple``: one Query message, into which the client writes the values as text. ``extended``: Parse, Bind and Execute
each time. ``prepared``: Parse once per connection, then Bind and Execute.
"""

IMPLEMENTATIONS = ("binary", "c", "python")
"""psycopg 3's implementations (``psycopg.pq.__impl__``): C from a wheel, C built by psycopg-c, ctypes."""

CHECKOUTS = ("per_worker", "per_operation")
"""When a worker takes a connection: once for all that it does, or from its driver's own pool for each operation."""

LOOP_PACKAGES = ("uvloop", "rloop")
"""Event loops besides asyncio's own: each is a package of this name."""


@dataclass(frozen=True)
class DriverStatement:
    """A statement that the driver sends by itself, as ``pg_stat_statements`` shows it."""

    text: str
    per_connection: int
    """How many times each connection sends it."""
    why: str
    per_process: int = 0
    """How many times the first connection sends it, in a transaction that is rolled back without autocommit."""
    per_operation: int = 0
    """How many times it goes out with each operation; all such statements are one message, and one transaction."""


@dataclass(frozen=True)
class Pool:
    """A driver's own pool, from which each operation may take a connection."""

    hot_loop: str
    """Module below ``bigdata.loaders`` with the loops that do so."""
    modules: tuple[str, ...] = ()
    """Packages that it imports besides the loader's."""
    requirements: tuple[str, ...] = ()
    """Distributions that contain ``modules``."""
    statements: tuple[DriverStatement, ...] = ()
    """Statements that it sends by itself."""


@dataclass(frozen=True)
class Wording:
    """The text of a statement of the workloads as a layer over the driver makes it."""

    statement: str
    """Its name in ``bigdata.database.statements``."""
    text: str
    """``{}`` stands for the plain statement."""


@dataclass(frozen=True)
class Loader:
    """One loader: a hot loop, run by a runtime, through a driver.

    Of ``loops``, ``protocols`` and ``implementations`` the first is the default. Which of them work on an interpreter
    is found by trying (``check``) and never listed here.
    """

    name: str
    """As a user types it and as records hold it."""
    label: str
    """As reports show it: driver and runtime; for a loader with event loops only the driver (see ``short_name``)."""
    description: str
    driver: str
    hot_loop: str
    """Module below ``bigdata.loaders`` with the hand-written loops."""
    runtime: str
    """Module below ``bigdata.runtimes`` that starts the workers."""
    modules: tuple[str, ...]
    """Packages that it imports, the driver first."""
    requirements: tuple[str, ...]
    """Distributions that contain ``modules``."""
    loops: tuple[str, ...] = ()
    """Event loops that it can run on; empty if it has none."""
    protocols: tuple[str, ...] = ("simple",)
    implementations: tuple[str, ...] = ()
    """Implementations of its driver; empty if there is only one."""
    pool: Pool | None = None
    """None if it has no loops that use its driver's own."""
    executemany: bool = False
    concurrent: bool = True
    """False: it has one connection, whatever the pool size."""
    driver_statements: tuple[DriverStatement, ...] = ()
    """Statements that the driver sends besides the workload."""
    layer_over: str | None = None
    """The loader with the bare driver: what the layer costs is the difference between the two."""
    wordings: tuple[Wording, ...] = ()
    """Statements of the workloads whose texts are the layer's."""
    casts_parameters: bool = False
    """Each parameter has its type behind it, as in ``$1::INTEGER``."""
    pipelines: bool = False
    """Its executemany sends all INSERTs of a record before it waits: extended protocol only, and one transaction."""
    prepares_apart: bool = False
    """Each connection prepares a statement before its first execution, and again for values of other types.

    In autocommit mode that is one more transaction.
    """
    ceiling: bool = False
    """An upper bound: a program of PostgreSQL's own loads phase data, its driver only the geo records."""
    extra_transactions: int = 0
    """Transactions of a ceiling besides the workload, however many connections there are."""
    copies: bool = False
    """All rows of phase data are one statement, and nothing is SELECTed."""
    values_differ: bool = False
    """It sends as many values as the files have, but other ones."""
    ingests_only: bool = False
    """Its program does the operations of no other workload."""

    @property
    def checkouts(self) -> tuple[str, ...]:
        """Return its values of the axis ``checkout``, the default first."""
        return CHECKOUTS if self.pool else CHECKOUTS[:1]

    def with_checkout(self, checkout: str) -> Loader:
        """Return the loader as this value of the axis makes it."""
        if self.pool is None or checkout == CHECKOUTS[0]:
            return self
        return replace(
            self,
            hot_loop=self.pool.hot_loop,
            modules=(*self.modules, *self.pool.modules),
            requirements=(*self.requirements, *self.pool.requirements),
            driver_statements=(*self.driver_statements, *self.pool.statements),
        )

    @property
    def operation_transactions(self) -> int:
        """Return what the driver itself adds to ``xact_commit`` with each operation."""
        return max([statement.per_operation for statement in self.driver_statements], default=0)

    @property
    def connection_transactions(self) -> int:
        """Return what each worker adds to ``xact_commit`` besides the workload; connecting is one transaction.

        A worker of a ceiling connects twice: its driver for the geo records, its program for the data records.
        """
        connections = 2 if self.ceiling else 1
        return connections + sum(statement.per_connection for statement in self.driver_statements)

    def other_transactions(self, *, autocommit: bool) -> int:
        """Return what a load adds to ``xact_commit`` besides workload and workers, however many these are."""
        first = sum(statement.per_process for statement in self.driver_statements) if autocommit else 0
        return self.extra_transactions + first
