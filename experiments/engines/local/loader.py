"""Loader runs as processes of this machine: on their cores, in a clean environment, always ended."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from experiments.cpuset import format_cpuset
from experiments.engines.local.server import LocalServer
from experiments.engines.postgres import HOST
from experiments.engines.protocol import Finished, Launch, Server
from experiments.environment.affinity import confined
from experiments.environment.hashes import PROJECT
from experiments.errors import Failure
from experiments.records.facts import InterpreterFacts, Placement

_PROGRAM = ("-m", "bigdata.cmd")
# A loader that is asked to stop may take 5 s to close its connections.
_PATIENCE_S = 6.0
# What would change the interpreter, the driver or the address behind the harness's back.
_NOT_INHERITED = (
    *("PYTHON", "PG", "BIGDATA_", "LD_PRELOAD", "MALLOC_", "GLIBC_TUNABLES", "VIRTUAL_ENV"),
    # How psycopg, gevent and the libraries below gevent and uvloop wait for the server.
    *("PSYCOPG_", "GEVENT", "LIBEV_", "UV_"),
)


class LocalLoaderHost:
    """An interpreter of this machine with the loader's packages; ``program`` are its arguments that name the loader."""

    def __init__(
        self, python: Path, facts: InterpreterFacts, project: Path = PROJECT, program: Sequence[str] = _PROGRAM
    ) -> None:
        self._python = python
        self.facts = facts
        self._project = project
        self._program = program

    def run(self, launch: Launch) -> Finished:
        """Run the loader and wait for it. Raises Failure where it cannot be started."""
        with launch.watch:
            return self._run(launch)

    def of_script(self, script: Path) -> "LocalLoaderHost":
        """Return a host that runs another program in the place of the loader, to compare with it."""
        return LocalLoaderHost(self._python, self.facts, self._project, [str(script)])

    def run_under(self, instrument: Sequence[str], launch: Launch, *, emulated: bool = False) -> Finished:
        """Run the loader on its cores as the child of a program on the server's, whose command line goes in front.

        ``emulated``: the program runs the loader in its own process, and so on the loader's cores.
        """
        if emulated:
            return self._run(launch, instrument)
        placement = launch.placement
        assert placement is not None, "an instrument runs on the server's cores"
        before = [*instrument, "taskset", "--cpu-list", format_cpuset(placement.loader_cpus)]
        aside = replace(placement, loader_cpus=placement.server_cpus)
        return self._run(replace(launch, placement=aside), before)

    def beside(self, arguments: Sequence[str], *, server: Server, placement: Placement) -> "LocalCompanion":
        """Make ready a program that runs beside a loader, on the server's cores. Raises Failure as run does."""
        command, environment = self._surround(server, {})
        return LocalCompanion([*command, *arguments], environment, self._project, placement.server_cpus)

    def free_port(self) -> int:
        """Return a port that nothing listens at now."""
        with socket.create_server((HOST, 0)) as listener:
            port: int = listener.getsockname()[1]
        return port

    def _run(self, launch: Launch, before: Sequence[str] = ()) -> Finished:
        command, environment = self._surround(launch.server, launch.environment, launch.port)
        cpus = None if launch.placement is None else launch.placement.loader_cpus
        command = [*before, *command, *launch.arguments]
        return run_group(command, environment, self._project, cpus=cpus, timeout_s=launch.timeout_s)

    def _surround(
        self, server: Server | None, environment: Mapping[str, str], port: int | None = None
    ) -> tuple[list[str], dict[str, str]]:
        """Return the beginning of a command line, and its environment."""
        environment = {**loader_environment(os.environ, self._project), **environment}
        command = [str(self._python), *self._program]
        if server is not None:
            if not isinstance(server, LocalServer):
                raise Failure("the local engine only loads into its own servers")
            environment["PGPASSFILE"] = str(server.password_file)
            environment["BIGDATA_PG_BIN"] = str(server.binaries.folder)
            command += ["--dburl", server.url(port=port)]
        return command, environment


class LocalCompanion:
    """A program that runs beside a loader, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, cpus: frozenset[int]
    ) -> None:
        self._begin = partial(_start, command, environment, folder)
        self._cpus = cpus
        self._process: subprocess.Popen[str] | None = None
        self.finished: Finished | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None if it could not be started."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> "LocalCompanion":
        self._started_s = time.perf_counter()
        try:
            with confined(self._cpus):
                self._process = self._begin()
        except OSError as error:
            self.finished = Finished(1, "", f"error: it cannot be started: {error.strerror}", 0.0)
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop it: SIGTERM, then SIGKILL."""
        if self._process is None:
            return
        try:
            stdout, stderr = _ask_to_stop(self._process)
        finally:
            _kill(self._process)
        wall_s = time.perf_counter() - self._started_s
        self.finished = Finished(self._process.returncode, stdout, stderr, wall_s)


def loader_environment(inherited: Mapping[str, str], project: Path) -> dict[str, str]:
    """Return the caller's environment without variables that change the measurement."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_NOT_INHERITED)}
    return {**kept, "PYTHONPATH": str(project)}


def run_group(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    cpus: frozenset[int] | None,
    timeout_s: float,
) -> Finished:
    """Run a command in a process group of its own and wait for it, at most ``timeout_s``.

    Ctrl-C at the terminal does not reach it; when the harness is interrupted it ends the group first. Raises Failure
    where the command cannot be started.
    """
    started = time.perf_counter()
    try:
        with confined(cpus):
            process = _start(command, environment, folder)
    except OSError as error:
        raise Failure(f"{command[0]} cannot be started: {error.strerror}") from error
    timed_out = False
    try:
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            stdout, stderr = _ask_to_stop(process)
    except BaseException:
        _ask_to_stop(process)
        raise
    finally:
        _kill(process)
    return Finished(process.returncode, stdout, stderr, time.perf_counter() - started, timed_out)


def _start(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _ask_to_stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Stop the group (SIGTERM, then SIGKILL); return its output."""
    _signal(process, signal.SIGTERM)
    try:
        return process.communicate(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        return process.communicate()


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill what is left of the group: children that outlived their parent, or all after an exception."""
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
