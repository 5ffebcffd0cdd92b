"""Protocols of an engine: launch a loader with some interpreter, serve a PostgreSQL, clean up.

``campaign`` knows these protocols and no engine. A method that cannot do what is asked for one cell raises
``Unsupported`` with the reason; one that fails where it should work raises ``Failure``, or ``EngineLost`` if no run
could work any more.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from experiments.environment.affinity import Cores
from experiments.matrix.packages import Packages
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import InterpreterFacts, Placement, ServerFacts

UNWATCHED: AbstractContextManager[object] = nullcontext()
"""For a loader that nothing looks at while it runs; may be entered any number of times."""


@dataclass(frozen=True)
class Finished:
    """A loader process that has ended.

    ``returncode`` is negative for a signal; ``timed_out`` when the harness ended it. ``cause`` is why it ended, where
    the engine knows more than that: 'out of memory: over the loader's limit of 64 MB'. ``is_child``: whether its CPU
    time is among that of the harness's children.
    """

    returncode: int
    stdout: str
    stderr: str
    wall_s: float
    timed_out: bool = False
    cause: str | None = None
    is_child: bool = True


class Server(Protocol):
    """A running PostgreSQL of one named configuration: of one that has ended, the next that takes its place."""

    @property
    def facts(self) -> ServerFacts:
        """Its identity."""

    @property
    def pid(self) -> int | None:
        """Its main process id on the harness's machine; None if it runs on another one."""

    @property
    def data(self) -> Path | None:
        """The folder of its data on the harness's machine; None if only the engine knows."""

    def place(self, placement: Placement) -> None:
        """Confine it to its side of a placement; one that has ended starts again first, empty. Raises Failure."""

    def find_end(self) -> str | None:
        """Return why it ended, in its last messages; None if it runs. Waits while it recovers from a crash."""

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes since its start, ended ones included."""

    def stop(self) -> None:
        """Stop it and remove its data. Safe to call twice."""


class Companion(Protocol):
    """A program that runs beside a loader. As a context manager: entering starts it, leaving has ended it.

    Neither raises Failure: what it is for goes on without it.
    """

    @property
    def finished(self) -> Finished | None:
        """Its result, once the context is left; ``stderr`` says why if it could not be started."""

    @property
    def pid(self) -> int | None:
        """Its process id on the harness's machine; None if it runs elsewhere or never started."""

    def __enter__(self) -> "Companion": ...

    def __exit__(self, *exception: object) -> None: ...


@dataclass(frozen=True)
class Launch:
    """One start of ``python -m bigdata.cmd``: its arguments, its server, its cores and its time limit.

    With a server, ``--dburl`` of it goes in front of the arguments and the password travels in a password file.
    """

    arguments: Sequence[str]
    server: Server | None
    placement: Placement | None
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the process, beside those that every loader has."""
    port: int | None = None
    """Of the loopback interface, where a relay to the server listens; None: the server's own."""
    network_admin: bool = False
    """True: it may change the network namespace that loader and server share, and nothing else."""
    watch: AbstractContextManager[object] = UNWATCHED
    """Entered and left around the process's life, as close to it as can be: starting a container is outside."""


class LoaderHost(Protocol):
    """One interpreter with the loader's packages installed, able to run ``python -m bigdata.cmd``."""

    @property
    def facts(self) -> InterpreterFacts:
        """Its identity."""

    def run(self, launch: Launch) -> Finished:
        """Run ``python -m bigdata.cmd`` on its cores until all has ended; stopped, then killed at the time limit."""

    def free_port(self) -> int:
        """Return a port of the loopback interface of loaders and what runs beside them that nothing listens at."""

    def beside(self, arguments: Sequence[str], *, server: Server, placement: Placement) -> Companion:
        """Make ready ``python -m bigdata.cmd`` with ``arguments``, to run beside a loader until it is left.

        It is held to the server's cores, without the limits of either side. Leaving asks it to stop (SIGTERM), then
        kills it.
        """


class Engine(Protocol):
    """One way of running things. Used as a context manager: leaving it stops and removes whatever was started."""

    name: str

    @property
    def notices(self) -> tuple[str, ...]:
        """Warnings: removed remains of killed campaigns, images that replace pinned ones."""

    def __enter__(self) -> "Engine": ...

    def __exit__(self, *exception: object) -> None: ...

    @property
    def own_postgres(self) -> str | None:
        """The version of the user's own PostgreSQL programs ('15.18'); None if the user named none."""

    def facts(self) -> Mapping[str, Any]:
        """Return its identity for the description of the campaign: no path, no address."""

    def cores(self) -> Cores:
        """Return the cores that it may assign."""

    def pythons(self) -> tuple[str, ...]:
        """Return the axis values for which it has an interpreter with a lock, oldest first."""

    def make_ready(self, pythons: Sequence[str], majors: Sequence[str], tell: Callable[[str], None]) -> None:
        """Make what these interpreters and majors need, all at once; what cannot be had fails when it is asked for."""

    def loader_host(self, python: str, packages: Packages = ()) -> LoaderHost:
        """Prepare (once) and return the interpreter with packages on top of the locked ones.

        Raises Unsupported with the reason where they cannot be had, BadInput for a version that does not exist.
        """

    def server_facts(self, configuration: PostgresConfiguration, *, max_connections: int) -> ServerFacts:
        """Return the identity of a PostgreSQL without starting it. Raises as ``serve`` does."""

    def serve(self, name: str, configuration: PostgresConfiguration, *, max_connections: int) -> Server:
        """Start (once) the PostgreSQL of this name. Raises Unsupported or, for bad settings, RefusedSettings."""

    def check_placement(self, placement: Placement) -> None:
        """Raise Unsupported where the engine cannot enforce it (limits without control groups, say)."""

    def find_netem_obstacle(self) -> str | None:
        """Return why the kernel cannot delay what loader and server send each other (netem); None if it can."""

    def provide_data(self, directory: Path) -> str:
        """Make a local directory readable for loaders; return its path as they see it."""
