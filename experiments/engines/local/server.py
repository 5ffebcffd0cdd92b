"""A PostgreSQL of the harness's own: started, asked, stopped and removed."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from experiments.affinity import Placement
from experiments.engines.cluster import DATABASE, HOST, INITDB_OPTIONS, USER, NotStarted, own_words
from experiments.engines.local.account import run_as
from experiments.engines.local.binaries import Binaries
from experiments.engines.local.cluster import (
    end_server,
    free_port,
    make_cluster,
    start_postgres,
    wait_until_ready,
    write_private,
)
from experiments.engines.local.processes import ProcessIdentity, confine, cpu_s, identity
from experiments.engines.local.storage import data_parent
from experiments.engines.local.traces import Trace, leave_trace, note_memory, remove_trace
from experiments.engines.protocol import ServerFacts
from experiments.engines.refusal import refused
from experiments.engines.settings import merged_settings
from experiments.errors import Failure
from experiments.identity import short_hash

_QUERY_S = 60.0
_PORT_ATTEMPTS = 5


class LocalServer:
    """A running PostgreSQL that listens on this machine's loopback interface only.

    Its one role is a superuser with a random password: the server is thrown away, and CHECKPOINT needs the right.
    """

    def __init__(
        self,
        binaries: Binaries,
        trace: Trace,
        process: subprocess.Popen[str],
        *,
        port: int,
        password: str,
        facts: ServerFacts,
    ) -> None:
        self.binaries = binaries
        self._trace = trace
        self._process = process
        self._password = password
        self.port = port
        self._facts = facts

    @property
    def facts(self) -> ServerFacts:
        """What identifies it."""
        return self._facts

    @property
    def password_file(self) -> Path:
        """For PGPASSFILE: holds the password, and only the user can read it."""
        return self._trace.password_file

    def url(self, database: str = DATABASE, *, with_password: bool = False) -> str:
        """The address of a database as libpq reads it; the one without a password may stand on a command line."""
        secret = f":{self._password}" if with_password else ""
        return f"postgresql://{USER}{secret}@{HOST}:{self.port}/{database}"

    def execute(self, statement: str, *, database: str = "postgres") -> str:
        """Run one SQL statement through psql; its rows as psql prints them unaligned. Raises Failure."""
        command = [str(self.binaries.folder / "psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]
        code, output = run_as(
            None,
            [*command, "--set=ON_ERROR_STOP=1", f"--dbname={self.url(database)}", f"--command={statement}"],
            timeout_s=_QUERY_S,
            extra_environment={"PGPASSFILE": str(self.password_file)},
        )
        if code != 0:
            raise Failure(f"PostgreSQL {self.facts.version}: {output.strip()}")
        return output.strip()

    def place(self, placement: Placement) -> None:
        """Confine all its processes, and those that it will start, to the server's cores.

        Raises Failure where it has ended, which it should not by itself.
        """
        if self._process.poll() is not None:
            raise Failure(
                f"PostgreSQL {self.facts.version} is gone: {self._last_words()}. "
                "The same command starts another one and goes on"
            )
        confine(self._process.pid, placement.server_cpus)

    def cpu_s(self) -> float:
        """CPU seconds used since its start by all its processes, those that have ended included."""
        return cpu_s(self._process.pid)

    def _last_words(self) -> str:
        returncode = self._process.returncode
        if returncode < 0:
            return f"ended by signal {-returncode}"
        return own_words(self._trace.log.read_text())

    def stop(self) -> None:
        """Stop it and remove its data. Safe to call twice."""
        _end(self._process)
        remove_trace(self._trace)


def start_server(
    binaries: Binaries,
    *,
    name: str,
    storage: str,
    settings: Mapping[str, str],
    max_connections: int,
) -> LocalServer:
    """Make and start a PostgreSQL with an empty database ``bigdata``.

    ``name`` is the configuration's, for messages. Raises Unsupported where the machine has no such storage,
    RefusedSettings where PostgreSQL does not start with the settings, Failure where it does not for another reason.
    """
    merged = merged_settings(settings, max_connections=max_connections, name=name)
    password = secrets.token_urlsafe(24)
    with contextlib.ExitStack() as undo:
        trace = leave_trace(_this_process(), data_parent(storage))
        undo.callback(remove_trace, trace)
        make_cluster(binaries, trace, password)
        try:
            process, port = _start_on_free_port(binaries, trace, merged)
        except NotStarted as refusal:
            raise refused(name, binaries.version, settings, str(refusal)) from refusal
        undo.callback(_end, process)
        trace = note_memory(trace, process.pid)
        write_private(trace.password_file, f"{HOST}:{port}:*:{USER}:{password}\n")
        build = f"{binaries.build()}; initdb {short_hash(*INITDB_OPTIONS)}"
        facts = ServerFacts(version=binaries.version, settings=merged, storage=storage, build=build)
        server = LocalServer(binaries, trace, process, port=port, password=password, facts=facts)
        server.execute(f"CREATE DATABASE {DATABASE}")
        undo.pop_all()
    return server


def _start_on_free_port(
    binaries: Binaries, trace: Trace, settings: Mapping[str, str]
) -> tuple[subprocess.Popen[str], int]:
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        port = free_port()
        process = start_postgres(binaries, trace, settings, port)
        try:
            wait_until_ready(process, trace)
        except NotStarted:
            # Somebody may take the port between the look and the start.
            if attempt == _PORT_ATTEMPTS or "Address already in use" not in trace.log.read_text():
                raise
        except BaseException:
            _end(process)
            raise
        else:
            return process, port
    raise AssertionError("the last attempt returns or raises")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None and (server := identity(process.pid)) is not None:
        end_server(server)
    process.wait()


def _this_process() -> ProcessIdentity:
    owner = identity(os.getpid())
    if owner is None:
        raise Failure("this process cannot find itself below /proc; the local engine needs Linux with /proc mounted")
    return owner
