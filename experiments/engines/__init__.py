"""The engines: each launches loaders and serves PostgreSQL in its own way, behind the protocols of ``protocol``."""

from __future__ import annotations

from pathlib import Path

from experiments.cells import ENGINES
from experiments.engines.protocol import Engine
from experiments.errors import BadInput


def open_engine(name: str, *, pg_bin: Path | None = None) -> Engine:
    """The engine of this name; nothing has been started. ``pg_bin`` is a folder with PostgreSQL programs of the user's.

    Raises BadInput for an unknown name, for a folder without such programs, and where this machine cannot have it.
    """
    if name == "local":
        # An engine is only loaded where it is used, as each has needs of its own.
        from experiments.engines.local.engine import LocalEngine

        return LocalEngine(pg_bin=pg_bin)
    raise BadInput(f"engine: {name!r} is no engine; known: {', '.join(ENGINES)}")
