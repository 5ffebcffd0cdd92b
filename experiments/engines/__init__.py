"""The engines: each launches loaders and serves PostgreSQL in its own way, behind the protocols of ``protocol``."""

from __future__ import annotations

from pathlib import Path

from experiments.engines.protocol import Engine
from experiments.environment.image_lock import Asked
from experiments.errors import BadInput
from experiments.matrix.cell import ENGINES


class Engines:
    """The engines of this machine by name, each opened when it is first asked for; nothing has been started.

    ``pg_bin`` is a folder with PostgreSQL programs of the user's, for the local engine. ``source`` is where base images
    come from, for the docker engine.
    """

    def __init__(self, *, pg_bin: Path | None = None, source: Asked = "auto") -> None:
        self._pg_bin = pg_bin
        self._source = source
        self._open: dict[str, Engine] = {}
        self._automatic: tuple[str, str | None] | None = None

    def resolve(self, name: str) -> str:
        """The engine for a value of the axis: for ``auto``, docker where an engine answers, else local."""
        if name != "auto":
            return name
        if self._automatic is None:
            self._automatic = _choose()
        return self._automatic[0]

    @property
    def notice(self) -> str | None:
        """What must be said aloud: why ``auto`` is not docker, where it was asked for and is not."""
        return None if self._automatic is None else self._automatic[1]

    def __getitem__(self, name: str) -> Engine:
        """The engine of this name. Raises BadInput for an unknown one, and where this machine cannot have it."""
        if name not in self._open:
            self._open[name] = open_engine(name, pg_bin=self._pg_bin, source=self._source)
        return self._open[name]


def open_engine(name: str, *, pg_bin: Path | None = None, source: Asked = "auto") -> Engine:
    """The engine of this name; nothing has been started.

    Raises BadInput for an unknown name, for a folder without PostgreSQL programs, and where this machine cannot have
    the engine.
    """
    # An engine is only loaded where it is used, as each has needs of its own.
    if name == "docker":
        from experiments.engines.docker.engine import DockerEngine

        return DockerEngine(source=source)
    if name == "local":
        from experiments.engines.local.engine import LocalEngine

        return LocalEngine(pg_bin=pg_bin)
    raise BadInput(f"engine: {name!r} is no engine; known: {', '.join(ENGINES)}")


def _choose() -> tuple[str, str | None]:
    from experiments.engines.docker.connect import docker_answers

    problem = docker_answers()
    if problem is None:
        return "docker", None
    return "local", f"engine auto: local, as {problem}"
