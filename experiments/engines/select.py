"""Selection of engines, interpreters and implementations on this machine."""

from pathlib import Path

from experiments.engines.profilers import Instruments
from experiments.engines.protocol import Engine, LoaderHost
from experiments.environment.image_lock import Asked
from experiments.environment.requirements import is_free_threaded, left_out, loader_lock
from experiments.environment.requirements_file import read_entries
from experiments.errors import BadInput, Unsupported
from experiments.matrix.cell import ENGINES
from experiments.matrix.network import Host
from experiments.matrix.packages import Packages, is_path, static_version


class Engines:
    """Engines of this machine by name, opened on first use and not started; resolves what only the machine knows.

    ``pg_bin`` is a folder with PostgreSQL programs of the user's, for the local engine. ``source`` is where base images
    come from, for the docker engine.
    """

    def __init__(self, *, pg_bin: Path | None = None, source: Asked = "auto") -> None:
        self._pg_bin = pg_bin
        self._source = source
        self._open: dict[str, Engine] = {}
        self._automatic: tuple[str, str | None] | None = None

    def resolve_engine(self, value: str) -> str:
        """Return the engine for a value of the axis: for ``auto``, docker where one answers with images, else local."""
        if value != "auto":
            return value
        if self._automatic is None:
            problem = self._find_problem()
            self._automatic = ("local", f"engine auto: local, as {problem}") if problem else ("docker", None)
        return self._automatic[0]

    def _find_problem(self) -> str | None:
        """Return why ``auto`` cannot be docker; None if it can."""
        from experiments.engines.docker.base_images import NoBaseImages
        from experiments.engines.docker.connect import docker_answers

        if (problem := docker_answers()) is not None:
            return problem
        try:
            self["docker"].pythons()
        except NoBaseImages as lack:
            return lack.reason
        return None

    def default_python(self, engine: str) -> str:
        """Return the newest Python that the engine of this name has with a lock."""
        return default_python(self[engine])

    def default_implementation(self, python: str, packages: Packages) -> str:
        """Return the wheel of psycopg's C where the Python's lock or the set has one, else what needs no wheel."""
        lock, named = loader_lock(python), dict(packages)
        if "psycopg-binary" in named:
            return "binary"
        if is_path(own := named.get("psycopg", "")):
            entry = read_entries(lock.read_text()).get("psycopg-binary", "") if lock.is_file() else ""
            return "binary" if entry.startswith(f"psycopg-binary=={static_version(own)} ") else "python"
        return "python" if lock.is_file() and "psycopg-binary" in left_out(lock) else "binary"

    @property
    def notice(self) -> str | None:
        """The warning why ``auto`` is not docker, if it was asked for and is not."""
        return None if self._automatic is None else self._automatic[1]

    def __getitem__(self, name: str) -> Engine:
        """Return the engine of this name. Raises BadInput if it is unknown or unavailable."""
        if name not in self._open:
            self._open[name] = open_engine(name, pg_bin=self._pg_bin, source=self._source)
        return self._open[name]


def open_engine(name: str, *, pg_bin: Path | None = None, source: Asked = "auto") -> Engine:
    """Open an engine without starting it. Raises BadInput if it is unknown or unavailable, or for wrong programs."""
    # An engine is only loaded where it is used, as each has needs of its own.
    if name == "docker":
        from experiments.engines.docker.engine import DockerEngine

        return DockerEngine(source=source)
    if name == "local":
        from experiments.engines.local.engine import LocalEngine

        return LocalEngine(pg_bin=pg_bin)
    raise BadInput(f"engine: unknown engine {name!r}; known: {', '.join(ENGINES)}")


def across_hosts(engine: Engine, loader: Host, server: Host) -> Engine:
    """Return the engine of cells whose loader and server are on two hosts. Raises Unsupported if there is none."""
    if engine.name != "docker":
        raise Unsupported("two hosts need the docker engine; use --engine docker")
    from experiments.engines.docker.engine import DockerEngine
    from experiments.engines.docker.hosts.two_hosts import TwoHosts

    assert isinstance(engine, DockerEngine)
    return TwoHosts(engine, loader, server)


def default_python(engine: Engine) -> str:
    """Return the newest Python that the engine has with a lock. Raises BadInput where it has none."""
    # A free-threaded build is measured where it is asked for.
    pythons = [python for python in engine.pythons() if not is_free_threaded(python)]
    if not pythons:
        raise BadInput(
            f"engine {engine.name}: found no Python that has locked packages; install one that "
            "docker/requirements/ has a file for (nox -s lock makes them)"
        )
    return pythons[-1]


def instruments_of(host: LoaderHost) -> Instruments:
    """Return the instruments of a host. Raises Unsupported if its engine has none."""
    # Each engine is only loaded where it is used.
    from experiments.engines.local.loader import LocalLoaderHost

    if isinstance(host, LocalLoaderHost):
        from experiments.engines.local.profilers import LocalInstruments

        return LocalInstruments(host)
    from experiments.engines.docker.loader import DockerLoaderHost

    if isinstance(host, DockerLoaderHost):
        from experiments.engines.docker.profilers import DockerInstruments

        return DockerInstruments(host)
    raise Unsupported("this engine has no instruments to explain a cell with")
