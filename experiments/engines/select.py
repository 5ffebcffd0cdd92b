"""What only this machine knows of the values that a matrix leaves to be resolved."""

from __future__ import annotations

from experiments.engines import Engines
from experiments.environment.requirements import left_out, loader_lock
from experiments.errors import BadInput


class MachineResolver:
    """Resolves what only this machine knows: which engines it has, and which interpreters those have."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def resolve_engine(self, value: str) -> str:
        """The engine's name."""
        return self._engines.resolve(value)

    def default_python(self, engine: str) -> str:
        """The newest Python that the engine has with a lock. Raises BadInput where it has none."""
        # A free-threaded build is measured where it is asked for.
        pythons = [python for python in self._engines[engine].pythons() if not python.endswith("t")]
        if not pythons:
            raise BadInput(
                f"engine {engine}: found no Python that has locked packages; install one that "
                "docker/requirements/ has a file for (nox -s lock makes them)"
            )
        return pythons[-1]

    def default_implementation(self, python: str) -> str:
        """The wheel of psycopg's C where the Python's lock has one, else what needs no wheel."""
        lock = loader_lock(python)
        return "python" if lock.is_file() and "psycopg-binary" in left_out(lock) else "binary"
