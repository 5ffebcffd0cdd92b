"""Registry of loaders: each is a row of hot loop, runtime and driver, with the matrix axes that apply to it.

Data only: it imports nothing else of the program, so that the harness can read it without importing a driver.
"""

from __future__ import annotations

from bigdata.registry import aiopg, asyncpg, ceilings, psycopg, psycopg2, sqlalchemy
from bigdata.registry.loader import (
    CHECKOUTS,
    IMPLEMENTATIONS,
    LOOP_PACKAGES,
    PROTOCOLS,
    DriverStatement,
    Loader,
    Wording,
)
from bigdata.registry.transactions import (
    TypedInserts,
    expected_transactions,
    most_prepared_inserts,
    operating_transactions,
    preparing_transactions,
)
from bigdata.registry.workloads import (
    CHECKED_OPERATIONS,
    FETCH,
    INGEST,
    LOOKUP,
    OPEN_LOOP_TIMES,
    OPERATING,
    USUAL_POOLSIZE,
    WAIT,
    WORKLOADS,
    Workload,
)

__all__ = [
    "CHECKED_OPERATIONS",
    "CHECKOUTS",
    "CONTESTANTS",
    "FETCH",
    "IMPLEMENTATIONS",
    "INGEST",
    "LOADERS",
    "LOOKUP",
    "LOOP_PACKAGES",
    "OPEN_LOOP_TIMES",
    "OPERATING",
    "PROTOCOLS",
    "USUAL_POOLSIZE",
    "WAIT",
    "WORKLOADS",
    "DriverStatement",
    "Loader",
    "TypedInserts",
    "Wording",
    "Workload",
    "expected_transactions",
    "most_prepared_inserts",
    "operating_transactions",
    "preparing_transactions",
    "short_name",
]

CONTESTANTS: dict[str, Loader] = {
    loader.name: loader for rows in (psycopg2, aiopg, asyncpg, psycopg, sqlalchemy) for loader in rows.LOADERS
}
"""Loaders that are compared with each other, by name: all but the ceilings."""

LOADERS: dict[str, Loader] = {**CONTESTANTS, **{loader.name: loader for loader in ceilings.LOADERS}}
"""Everything that can be run, by name."""


def short_name(
    loader: str, loop: str | None = None, protocol: str | None = None, implementation: str | None = None
) -> str:
    """Return the name that reports show, such as 'aiopg · uvloop' or 'psycopg 3 · threads · simple'.

    Without ``loop`` it is the default loop's; a protocol or implementation appears unless it is the default. A loader
    that the registry does not have, such as one of an older campaign, keeps its own name.
    """
    if loader not in LOADERS:
        return " · ".join(part for part in (loader, loop, protocol, implementation) if part)
    row = LOADERS[loader]
    parts = [row.label]
    if row.loops:
        parts.append(loop or row.loops[0])
    for chosen, offered in ((protocol, row.protocols), (implementation, row.implementations)):
        if chosen and chosen not in offered[:1]:
            parts.append(chosen)
    return " · ".join(parts)
