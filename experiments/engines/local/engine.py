"""The local engine: loaders in virtual environments, PostgreSQL as a process of this machine, cores by affinity."""

import contextlib
import functools
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.engines.local.cleanup import sweep
from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.postgres_binaries import Binaries, binaries_in, locked_binaries
from experiments.engines.local.server import LocalServer, describe_server, start_server
from experiments.engines.local.venvs import ensure_venv
from experiments.engines.settings import merged_settings
from experiments.environment.affinity import Cores, cores_here
from experiments.environment.cache import cache_in_use
from experiments.environment.interpreters import VARIABLE, Interpreter, find_interpreters
from experiments.environment.package_sets import Builder, ensure_lock
from experiments.environment.requirements import left_out, locked_pythons
from experiments.errors import BadInput, Unsupported
from experiments.matrix.packages import Packages
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import InterpreterFacts, Placement, ServerFacts


class LocalEngine:
    """Runs everything as processes of this machine. Needs Linux: affinity, /proc, /dev/shm."""

    name = "local"

    def __init__(
        self, *, pg_bin: Path | None = None, find: Callable[[], dict[str, Interpreter]] = find_interpreters
    ) -> None:
        if sys.platform != "linux":
            raise BadInput(f"engine: 'local' needs Linux, and this is {sys.platform}")
        self._own_binaries = None if pg_bin is None else binaries_in(pg_bin.resolve())
        self.own_postgres = None if self._own_binaries is None else self._own_binaries.version
        self._interpreters = functools.cache(find)
        self._hosts: dict[tuple[str, Packages], LocalLoaderHost] = {}
        self._servers: dict[str, LocalServer] = {}
        self._leaving = contextlib.ExitStack()
        self.notices: tuple[str, ...] = ()

    def __enter__(self) -> "LocalEngine":
        self._leaving.enter_context(cache_in_use())
        self.notices = tuple(sweep())
        return self

    def __exit__(self, *exception: object) -> None:
        self._servers.clear()
        self._leaving.close()

    def facts(self) -> Mapping[str, Any]:
        """Return nothing besides the machine itself."""
        return {}

    def cores(self) -> Cores:
        """Return the cores that the harness may use."""
        return cores_here()

    def pythons(self) -> tuple[str, ...]:
        """Return the versions that are on this machine and have a lock, oldest first."""
        locked = locked_pythons()
        return tuple(python for python in self._interpreters() if python in locked)

    def make_ready(self, pythons: Sequence[str], majors: Sequence[str], tell: Callable[[str], None]) -> None:
        """Do nothing: environments are made one by one, each in a few seconds."""

    def loader_host(self, python: str, packages: Packages = ()) -> LocalLoaderHost:
        """Prepare the interpreter with its packages once. Raises Unsupported if this machine lacks it."""
        key = (python, packages)
        if key not in self._hosts:
            self._hosts[key] = self._make_host(python, packages)
        return self._hosts[key]

    def serve(self, name: str, configuration: PostgresConfiguration, *, max_connections: int) -> LocalServer:
        """Start the PostgreSQL of this name once; it runs until the engine is left."""
        if name not in self._servers:
            server = start_server(
                self._binaries(configuration.version),
                name=name,
                storage=configuration.storage,
                settings=configuration.settings,
                max_connections=max_connections,
            )
            self._leaving.callback(server.stop)
            self._servers[name] = server
        return self._servers[name]

    def server_facts(self, configuration: PostgresConfiguration, *, max_connections: int) -> ServerFacts:
        """Return the identity of a PostgreSQL without starting it."""
        settings = merged_settings(configuration.settings, max_connections=max_connections)
        return describe_server(self._binaries(configuration.version), configuration.storage, settings)

    def check_placement(self, placement: Placement) -> None:
        """Raise Unsupported for limits below cores, which take control groups."""
        if placement.limits:
            raise Unsupported(
                f"the local engine has no {' or '.join(placement.limits)}: limits take containers (--engine docker)"
            )

    def find_netem_obstacle(self) -> str:
        """Return why not: the loopback interface is that of all programs of this machine."""
        return "the local engine has no network of its own"

    def provide_data(self, directory: Path) -> str:
        """Return the directory itself: loaders run under the same account."""
        return str(directory.resolve())

    def _make_host(self, python: str, packages: Packages) -> LocalLoaderHost:
        interpreter = self._interpreters().get(python)
        if interpreter is None:
            found = ", ".join(self._interpreters()) or "none"
            raise Unsupported(
                f"no CPython {python} on this machine (found: {found}): nox -s interpreters -- {python} may get it, "
                f"or name one that stands elsewhere in {VARIABLE}"
            )
        if python not in locked_pythons():
            raise Unsupported(f"no locked packages for Python {python}; locked: {', '.join(locked_pythons())}")
        builder = Builder(interpreter.executable, interpreter.build)
        lock = ensure_lock(python, packages, platform.machine(), builder)
        facts = InterpreterFacts(
            python=python,
            version=interpreter.version,
            implementation=interpreter.implementation,
            optimized_build=interpreter.optimized_build,
            free_threaded=interpreter.free_threaded,
            build=_build_identity(interpreter),
            lock_hash=lock.hash,
            left_out=left_out(lock.file),
            packages=lock.packages,
        )
        return LocalLoaderHost(ensure_venv(interpreter, lock.file), facts)

    def _binaries(self, version: str) -> Binaries:
        own = self._own_binaries
        return own if own is not None and own.major == version else locked_binaries(version)


def _build_identity(interpreter: Interpreter) -> str:
    """Return the identity by which interpreters count as equal, without a path."""
    facts = {"optimized": interpreter.optimized_build, "lto": interpreter.lto}
    said = [name if holds else f"not {name}" for name, holds in facts.items() if holds is not None]
    return "; ".join((interpreter.build, *said, *(["free-threaded"] if interpreter.free_threaded else [])))
