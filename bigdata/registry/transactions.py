"""Transactions that a load takes, by which the harness checks that equal work was done."""

from __future__ import annotations

from dataclasses import dataclass

from bigdata.registry.loader import Loader
from bigdata.registry.workloads import Workload

# What PostgreSQL's smallint holds.
_LARGEST_SMALL_ID = 2**15 - 1

# How many Summary File 1 has.
_SEGMENTS = 39


@dataclass(frozen=True)
class TypedInserts:
    """Executions of INSERTs for some files: one number for each combination of the types of their values."""

    geo: tuple[int, ...] = ()
    data: tuple[int, ...] = ()


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
    """Return what a load adds to ``xact_commit`` of its database: one per statement in autocommit, else one per record.

    ``rows`` is the number of data elements. A data record has two SELECTs besides its INSERTs.
    """
    inserts = data_records if executemany and loader.pipelines else rows
    work = geo_records + 2 * data_records + inserts if autocommit else geo_records + data_records
    if loader.copies:
        work = geo_records + 1
    return work + poolsize * loader.connection_transactions + loader.other_transactions(autocommit=autocommit)


def most_prepared_inserts(data_records: int) -> int:
    """Return how many INSERTs a pgbench script may have: each connection prepares all of them.

    Each turn of the script also passes the SELECTs of all records.
    """
    return 8 if data_records <= 500 else 40


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
    """Return the range of additional transactions that preparing statements can take.

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
        # Ids of geo records are values, too: first smallint, later integer, and which worker gets which is unknown.
        kinds = 1 if sum(inserts.geo) <= _LARGEST_SMALL_ID else 2
        fewest += len(inserts.data)
        most += sum(min(kinds * poolsize, times) for times in inserts.data)
    return range(fewest, most + 1)


def operating_transactions(
    loader: Loader, workload: Workload, *, operations: int, poolsize: int, protocol: str
) -> range:
    """Return the range of transactions that so many operations may add: one each, and those that prepare apart."""
    others = loader.other_transactions(autocommit=workload.autocommit)
    least = operations * (1 + loader.operation_transactions) + poolsize * loader.connection_transactions + others
    if loader.prepares_apart and workload.autocommit and protocol == "prepared":
        return range(least + 1, least + min(poolsize, operations) + 1)
    return range(least, least + 1)
