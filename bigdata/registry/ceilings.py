"""Upper bounds: programs of PostgreSQL's own in the place of a driver."""

from __future__ import annotations

from dataclasses import replace

from bigdata.registry import psycopg2

PSQL = replace(
    psycopg2.THREADED,
    name="ceiling_psql_file",
    label="psql",
    description="upper bound: psql executes a file of the same statements over one connection",
    runtime="psql_file",
    executemany=False,
    concurrent=False,
    ceiling=True,
    # A connection that looks ids up before the clock starts, by two statements.
    extra_transactions=3,
    ingests_only=True,
)

PGBENCH = replace(
    PSQL,
    name="ceiling_pgbench",
    label="pgbench",
    description="upper bound: pgbench, a client in C, sends the same statements over as many connections",
    runtime="pgbench",
    protocols=("simple", "prepared"),
    concurrent=True,
    # It connects once before its clients do.
    extra_transactions=1,
    values_differ=True,
    ingests_only=False,
)

COPY = replace(
    PSQL,
    name="ceiling_copy",
    label="COPY",
    description="upper bound: the same rows by one COPY, as fast as the server can receive them",
    runtime="psql_copy",
    copies=True,
)

LOADERS = (PGBENCH, COPY, PSQL)
