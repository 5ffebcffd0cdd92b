"""Loaders that use psycopg 3."""

from __future__ import annotations

from dataclasses import replace

from bigdata.registry.loader import IMPLEMENTATIONS, Loader, Pool

_POOL = Pool("psycopg_pool", modules=("psycopg_pool",), requirements=("psycopg-pool",))

THREADED = Loader(
    name="row_by_row_psycopg_threaded",
    label="psycopg 3 · threads",
    description="one thread per connection, blocking calls",
    driver="psycopg",
    hot_loop="psycopg",
    runtime="threads",
    modules=("psycopg",),
    requirements=("psycopg",),
    protocols=("prepared", "extended", "simple"),
    implementations=IMPLEMENTATIONS,
    pool=_POOL,
    executemany=True,
    pipelines=True,
    prepares_apart=True,
)

GEVENT = replace(
    THREADED,
    name="row_by_row_psycopg_gevent",
    label="psycopg 3 · gevent",
    description="one greenlet per connection; the same blocking calls, which yield to other greenlets while they wait",
    runtime="greenlets",
    modules=("psycopg", "gevent"),
    requirements=("psycopg", "gevent"),
    # The pool waits by locks of threads, for which gevent does not switch.
    pool=None,
)

ASYNCIO = replace(
    THREADED,
    name="row_by_row_psycopg_asyncio",
    label="psycopg 3",
    description="one task per connection on one event loop",
    hot_loop="psycopg_async",
    pool=replace(_POOL, hot_loop="psycopg_pool_async"),
    runtime="tasks",
    loops=("asyncio", "uvloop"),
)

LOADERS = (THREADED, GEVENT, ASYNCIO)
