"""Every loader by name: hot loop x runtime x driver, and which axes of the matrix apply to it.

Data only: it imports nothing of the program, so that the harness can read it without importing a driver.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loader:
    """One contestant.

    ``hot_loop`` is the module below ``bigdata.loaders`` with the hand-written loops, ``runtime`` the module below
    ``bigdata.runtimes`` that starts its workers. ``loops`` names the event loops it can run on (empty: it has none).
    ``modules`` are the packages it imports, the driver first, and
    ``requirements`` the distributions that have them. ``connection_transactions`` is
    what one connection adds to the server's ``xact_commit`` besides the statements of the workload: its own start-up
    is one, and a driver may look something up.
    """

    name: str
    description: str
    driver: str
    hot_loop: str
    runtime: str
    modules: tuple[str, ...]
    requirements: tuple[str, ...]
    loops: tuple[str, ...] = ()
    executemany: bool = False
    connection_transactions: int = 1


_ALL = (
    Loader(
        name="row_by_row_threaded",
        description="one thread per connection, blocking calls",
        driver="psycopg2",
        hot_loop="psycopg2",
        runtime="threads",
        modules=("psycopg2",),
        requirements=("psycopg2-binary",),
        executemany=True,
    ),
    Loader(
        name="row_by_row_asyncio",
        description="one task per connection on one event loop",
        driver="aiopg",
        hot_loop="aiopg",
        runtime="tasks",
        modules=("aiopg", "psycopg2"),
        requirements=("aiopg", "psycopg2-binary"),
        loops=("asyncio", "uvloop"),
        # aiopg looks up the type oids of hstore when it connects.
        connection_transactions=2,
    ),
)

LOADERS: dict[str, Loader] = {loader.name: loader for loader in _ALL}


def expected_transactions(
    loader: Loader, *, geo_records: int, data_records: int, rows: int, poolsize: int, autocommit: bool
) -> int:
    """What the workload adds to ``xact_commit`` of its database: one per statement in autocommit, else one per record.

    ``rows`` counts the data elements. A data record has two SELECTs besides its INSERTs.
    """
    work = geo_records + 2 * data_records + rows if autocommit else geo_records + data_records
    return work + poolsize * loader.connection_transactions
