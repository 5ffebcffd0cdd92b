"""Loaders that use psycopg2."""

from __future__ import annotations

from dataclasses import replace

from bigdata.registry.loader import Loader

THREADED = Loader(
    name="row_by_row_threaded",
    label="psycopg2 · threads",
    description="one thread per connection, blocking calls",
    driver="psycopg2",
    hot_loop="psycopg2",
    runtime="threads",
    modules=("psycopg2",),
    requirements=("psycopg2-binary",),
    executemany=True,
)

GEVENT = replace(
    THREADED,
    name="row_by_row_gevent",
    label="psycopg2 · gevent",
    description="one greenlet per connection; the same blocking calls, which yield to other greenlets while they wait",
    runtime="greenlets",
    modules=("psycopg2", "gevent"),
    requirements=("psycopg2-binary", "gevent"),
)

SERIAL = replace(
    THREADED,
    name="row_by_row_serial",
    label="psycopg2 · one connection",
    description="one connection and no concurrency: the lower bound",
    runtime="serial",
    concurrent=False,
)

PROCESSES = replace(
    THREADED,
    name="row_by_row_processes",
    label="psycopg2 · processes",
    description="one process per connection, each with its own interpreter and lock (GIL)",
    runtime="processes",
)

LOADERS = (THREADED, GEVENT, SERIAL, PROCESSES)
