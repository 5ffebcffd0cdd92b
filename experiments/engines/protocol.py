"""What a campaign asks of an engine: launch a loader with some interpreter, serve a PostgreSQL, clean up.

``campaign`` knows these protocols and no engine. A method that cannot do what is asked for one cell raises
``Unsupported`` with the reason; one that fails where it should work raises ``Failure``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from experiments.environment.affinity import Cores, Placement
from experiments.matrix.spec import PostgresConfiguration

UNWATCHED: AbstractContextManager[object] = nullcontext()
"""For a loader that nothing looks at while it runs; may be entered any number of times."""


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
    image: str | None = None
    """The id of the image, for the records: equal parts built twice have two of them."""
    free_threaded: bool = False


@dataclass(frozen=True)
class ServerFacts:
    """Identity of a running PostgreSQL."""

    version: str
    """As the server says: '17.11'."""
    settings: Mapping[str, str]
    """Every setting that the harness passed, harness-wide ones included."""
    storage: str
    image: str | None = None
    """What the image is, as far as it defines the server: name and digest, or the packages it was made of."""
    image_id: str | None = None
    """The id of the image, for the records."""
    build: str | None = None
    """Of one without an image: which build of PostgreSQL it is, and how its data directory was made."""

    @property
    def has_autovacuum(self) -> bool:
        """Whether it commits transactions of its own at times: only where a configuration asks for it."""
        return self.settings.get("autovacuum", "off").lower() not in ("off", "false", "no", "0")


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
        """What identifies it."""

    @property
    def pid(self) -> int | None:
        """The number of its first process on the harness's machine; None where it runs on another one."""

    def place(self, placement: Placement) -> None:
        """Hold all its processes, and those that it will start, to its side of a placement.

        One that has ended is started again first, once, and with nothing in it. Raises Failure where that does not
        work.
        """

    def find_end(self) -> str | None:
        """Why it has ended, in its last words; None where it has not. For after a run that went wrong.

        It may take its time: one that recovers from a crash has either ended or answers when this returns.
        """

    def cpu_s(self) -> float:
        """CPU seconds used since its start by all its processes, those that have ended included."""

    def stop(self) -> None:
        """Stop it and remove its data. Safe to call twice."""


class Companion(Protocol):
    """A program that runs beside a loader. As a context manager: entering starts it, leaving has ended it.

    Neither raises Failure: what it is for goes on without it.
    """

    @property
    def finished(self) -> Finished | None:
        """How it has ended, once it has been left; one that could not be started says why in its ``stderr``."""

    @property
    def pid(self) -> int | None:
        """The number of its process on the harness's machine; None where it runs on another one, or never started."""

    def __enter__(self) -> Companion: ...

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
    watch: AbstractContextManager[object] = UNWATCHED
    """Entered and left around the process's life, as close to it as can be: starting a container is outside."""


class LoaderHost(Protocol):
    """One interpreter with the loader's packages installed, able to run ``python -m bigdata.cmd``."""

    @property
    def facts(self) -> InterpreterFacts:
        """What identifies it."""

    def run(self, launch: Launch) -> Finished:
        """Run ``python -m bigdata.cmd``, held to its side of the placement, and wait until all that it started ended.

        At the time limit it is asked to stop, then killed.
        """

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
        """What must be said aloud: what killed campaigns left and was removed on entering, stand-ins that are used."""

    def __enter__(self) -> Engine: ...

    def __exit__(self, *exception: object) -> None: ...

    @property
    def own_postgres(self) -> str | None:
        """The version of the PostgreSQL programs that the user named ('15.18'); None where the user named none."""

    def facts(self) -> Mapping[str, Any]:
        """What it is and stands on, for the description of the campaign: no path, no address."""

    def cores(self) -> Cores:
        """The cores that it may give away, where it runs things."""

    def pythons(self) -> tuple[str, ...]:
        """The axis values for which it has an interpreter with a lock, oldest first."""

    def make_ready(self, pythons: Sequence[str], majors: Sequence[str], tell: Callable[[str], None]) -> None:
        """Make what loaders of these interpreters and servers of these major versions need, all at once.

        ``tell`` says aloud what is being made. What cannot be had is no error here, but when it is asked for.
        """

    def loader_host(self, python: str) -> LoaderHost:
        """Prepare (once) and return the interpreter. Raises Unsupported with the reason where it cannot be had."""

    def serve(self, name: str, configuration: PostgresConfiguration, *, max_connections: int) -> Server:
        """Start (once) the PostgreSQL of this name. Raises Unsupported or, for bad settings, RefusedSettings."""

    def check_placement(self, placement: Placement) -> None:
        """Raise Unsupported where the engine cannot enforce it (limits without control groups, say)."""

    def provide_data(self, directory: Path) -> str:
        """Make a local directory readable for loaders; returns its path as they see it."""
