"""What a campaign asks of an engine: launch a loader with some interpreter, serve a PostgreSQL, clean up.

``campaign`` knows these protocols and no engine. A method that cannot do what is asked for one cell raises
``Unsupported`` with the reason; one that fails where it should work raises ``Failure``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from experiments.affinity import Placement
from experiments.spec import PostgresConfiguration


@dataclass(frozen=True)
class InterpreterFacts:
    """Identity of the interpreter that loaders run on. ``build`` defines it: executable build string, flags, image."""

    python: str
    """The axis value: '3.13'."""
    version: str
    implementation: str
    optimized_build: bool
    build: str
    lock_hash: str
    """SHA-256 of the requirements lock that was installed."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Drivers that the lock leaves out, with the reason."""


@dataclass(frozen=True)
class ServerFacts:
    """Identity of a running PostgreSQL."""

    version: str
    """As the server says: '17.11'."""
    settings: Mapping[str, str]
    """Every setting that the harness passed, harness-wide ones included."""
    storage: str
    image: str | None = None


@dataclass(frozen=True)
class Finished:
    """A loader process that has ended.

    ``returncode`` is negative for a signal; ``timed_out`` when the harness ended it.
    """

    returncode: int
    stdout: str
    stderr: str
    wall_s: float
    timed_out: bool = False


class Server(Protocol):
    """A running PostgreSQL of one named configuration."""

    @property
    def facts(self) -> ServerFacts:
        """What identifies it."""

    def place(self, cpus: frozenset[int]) -> None:
        """Confine all its processes, and those that it will start, to these cores. Raises Failure if it has ended."""

    def cpu_s(self) -> float:
        """CPU seconds used since its start by all its processes, those that have ended included."""

    def stop(self) -> None:
        """Stop it and remove its data. Safe to call twice."""


class LoaderHost(Protocol):
    """One interpreter with the loader's packages installed, able to run ``python -m bigdata.cmd``."""

    @property
    def facts(self) -> InterpreterFacts:
        """What identifies it."""

    def run(
        self,
        arguments: Sequence[str],
        *,
        server: Server | None,
        cpus: frozenset[int] | None,
        timeout_s: float,
    ) -> Finished:
        """Run ``python -m bigdata.cmd`` with ``arguments`` and wait for it.

        With a server, ``--dburl`` of it goes in front and the password travels in a password file. At the time limit
        the process is asked to stop, then killed. Whatever it started has ended when this returns.
        """


class Engine(Protocol):
    """One way of running things. Used as a context manager: leaving it stops and removes whatever was started."""

    name: str

    @property
    def swept(self) -> tuple[str, ...]:
        """What killed campaigns had left and was removed on entering, a line for each."""

    def __enter__(self) -> Engine: ...

    def __exit__(self, *exception: object) -> None: ...

    @property
    def own_postgres(self) -> str | None:
        """The version of the PostgreSQL programs that the user named ('15.18'); None where the user named none."""

    def pythons(self) -> tuple[str, ...]:
        """The axis values for which it has an interpreter with a lock, oldest first."""

    def loader_host(self, python: str) -> LoaderHost:
        """Prepare (once) and return the interpreter. Raises Unsupported with the reason where it cannot be had."""

    def serve(self, name: str, configuration: PostgresConfiguration, *, max_connections: int) -> Server:
        """Start (once) the PostgreSQL of this name. Raises Unsupported or, for a bad setting, BadInput."""

    def check_placement(self, placement: Placement) -> None:
        """Raise Unsupported where the engine cannot enforce it (fractional cores without control groups, say)."""

    def provide_data(self, directory: Path) -> str:
        """Make a local directory readable for loaders; returns its path as they see it."""
