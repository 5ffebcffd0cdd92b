"""PostgreSQL server as a process of this machine."""

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.engines.local import cluster
from experiments.engines.local.account import run_as
from experiments.engines.local.postgres_binaries import Binaries
from experiments.engines.local.storage import data_parent
from experiments.engines.local.traces import Trace, leave_trace, remove_trace
from experiments.engines.postgres import DATABASE, HOST, INITDB_OPTIONS, USER, NotStarted, describe_end
from experiments.engines.processes import ProcessIdentity, confine, cpu_s, identity
from experiments.engines.settings import merged_settings, refused
from experiments.environment.hashes import short_hash
from experiments.errors import Failure, Unsupported
from experiments.records.facts import Placement, ServerFacts

_QUERY_S = 60.0
_RECOVERY_S = 60.0
_POLL_S = 0.1
_PORT_ATTEMPTS = 5
_MAINTENANCE = "postgres"


@dataclass(frozen=True)
class _Instance:
    """One start of a PostgreSQL: its files, process and port."""

    trace: Trace
    process: subprocess.Popen[str]
    port: int

    def url(self, database: str, secret: str = "", port: int | None = None) -> str:
        """Return the address of a database; ``secret`` follows the user, ``port`` is a relay's."""
        return f"postgresql://{USER}{secret}@{HOST}:{port or self.port}/{database}"


class LocalServer:
    """A running PostgreSQL that listens on this machine's loopback interface only.

    Its one role is a superuser with a random password: the server is thrown away, and CHECKPOINT needs the right. When
    it has ended another one with the same password, and nothing in it, takes its place.
    """

    def __init__(self, binaries: Binaries, life: _Instance, *, password: str, facts: ServerFacts) -> None:
        self.binaries = binaries
        self._life = life
        self._password = password
        self.facts = facts
        self._seen_cpu_s = 0.0

    @property
    def pid(self) -> int:
        """Its main process id."""
        return self._life.process.pid

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self._life.trace.data

    @property
    def port(self) -> int:
        """Its port."""
        return self._life.port

    @property
    def password_file(self) -> Path:
        """The password file (PGPASSFILE), which only the user can read."""
        return self._life.trace.password_file

    def url(self, database: str = DATABASE, *, with_password: bool = False, port: int | None = None) -> str:
        """Return the address of a database for libpq; without a password it may stand on a command line."""
        return self._life.url(database, f":{self._password}" if with_password else "", port)

    def execute(self, statement: str, *, database: str = _MAINTENANCE) -> str:
        """Run one SQL statement through psql; return its unaligned rows. Raises Failure."""
        return _execute(self.binaries, self._life, database, statement)

    def place(self, placement: Placement) -> None:
        """Confine all its processes to the server's cores; start it again first if it has ended."""
        if self._life.process.poll() is not None:
            self._start_again()
        confine(self._life.process.pid, placement.server_cpus)

    def find_end(self) -> str | None:
        """Return why it ended; None if it runs. Waits while it recovers from a crash."""
        process = self._life.process
        deadline = time.monotonic() + _RECOVERY_S
        while process.poll() is None:
            try:
                self.execute("SELECT 1")
            except Failure:
                if time.monotonic() > deadline:
                    return None
                time.sleep(_POLL_S)
            else:
                return None
        return describe_end(max(0, -process.returncode), self._life.trace.log.read_text(errors="replace"))

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes since its start; of an ended one, those seen last."""
        self._seen_cpu_s = max(self._seen_cpu_s, cpu_s(self._life.process.pid))
        return self._seen_cpu_s

    def stop(self) -> None:
        """Stop it and remove its data. Safe to call twice."""
        _end(self._life.process, self._life.trace)
        remove_trace(self._life.trace)

    def _start_again(self) -> None:
        # Not on the data that is left: a file system that is full, say, would end it again while it recovers, and it
        # would have more behind it than the server that the campaign began with.
        try:
            self.stop()
            self._life = _begin(self.binaries, self.facts, self._password)
        except (NotStarted, Failure, Unsupported, OSError) as problem:
            words = problem.strerror if isinstance(problem, OSError) else problem
            raise Failure(f"PostgreSQL {self.facts.version} has ended and does not start again: {words}") from problem
        self._seen_cpu_s = 0.0


def start_server(
    binaries: Binaries, *, name: str, storage: str, settings: Mapping[str, str], max_connections: int
) -> LocalServer:
    """Make and start a PostgreSQL with an empty database ``bigdata``.

    ``name`` is the configuration's, for messages. Raises Unsupported where the machine has no such storage,
    RefusedSettings where PostgreSQL does not start with the settings, Failure where it does not for another reason.
    """
    facts = describe_server(binaries, storage, merged_settings(settings, max_connections=max_connections))
    password = secrets.token_urlsafe(24)
    try:
        life = _begin(binaries, facts, password)
    except NotStarted as refusal:
        raise refused(name, binaries.version, settings, str(refusal)) from refusal
    return LocalServer(binaries, life, password=password, facts=facts)


def describe_server(binaries: Binaries, storage: str, settings: Mapping[str, str]) -> ServerFacts:
    """Return the identity of a server with all these settings."""
    build = f"{binaries.build()}; initdb {short_hash(*INITDB_OPTIONS)}"
    return ServerFacts(version=binaries.version, settings=settings, storage=storage, build=build)


def _begin(binaries: Binaries, facts: ServerFacts, password: str) -> _Instance:
    """Make and start it, or leave nothing. Raises NotStarted if PostgreSQL ended."""
    with contextlib.ExitStack() as undo:
        trace = leave_trace(_this_process(), data_parent(facts.storage))
        undo.callback(remove_trace, trace)
        # Of an interrupted initdb.
        undo.callback(cluster.end_orphans, trace.data)
        cluster.make_cluster(binaries, trace, password)
        process, port = _start_on_free_port(binaries, trace, facts.settings)
        undo.callback(_end, process, trace)
        life = _Instance(trace, process, port)
        # A relay has another port.
        cluster.write_private(trace.password_file, f"{HOST}:*:*:{USER}:{password}\n")
        _execute(binaries, life, _MAINTENANCE, f"CREATE DATABASE {DATABASE}")
        undo.pop_all()
    return life


def _execute(binaries: Binaries, life: _Instance, database: str, statement: str) -> str:
    command = [str(binaries.folder / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
    code, output = run_as(
        None,
        [*command, "--set=ON_ERROR_STOP=1", f"--dbname={life.url(database)}", f"--command={statement}"],
        timeout_s=_QUERY_S,
        extra_environment={"PGPASSFILE": str(life.trace.password_file)},
    )
    if code != 0:
        raise Failure(f"PostgreSQL {binaries.version}: {output.strip()}")
    return output.strip()


def _start_on_free_port(
    binaries: Binaries, trace: Trace, settings: Mapping[str, str]
) -> tuple[subprocess.Popen[str], int]:
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        port = cluster.free_port()
        process = cluster.start_postgres(binaries, trace, settings, port)
        try:
            cluster.wait_until_ready(process, trace)
        except NotStarted:
            # Somebody may take the port between the look and the start.
            if attempt == _PORT_ATTEMPTS or "Address already in use" not in trace.log.read_text():
                raise
        except BaseException:
            _end(process, trace)
            raise
        else:
            return process, port
    raise AssertionError("the last attempt returns or raises")


def _end(process: subprocess.Popen[str], trace: Trace) -> None:
    if process.poll() is None and (server := identity(process.pid)) is not None:
        cluster.end_server(server)
    process.wait()
    cluster.end_orphans(trace.data)


def _this_process() -> ProcessIdentity:
    owner = identity(os.getpid())
    if owner is None:
        raise Failure("this process cannot find itself below /proc; the local engine needs Linux with /proc mounted")
    return owner
