"""Steps to start and stop a PostgreSQL from its programs."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from experiments.engines.local.account import give, run_as, server_account, start_as
from experiments.engines.local.postgres_binaries import Binaries
from experiments.engines.local.traces import Trace
from experiments.engines.postgres import HOST, INITDB_OPTIONS, NotStarted, error_messages
from experiments.engines.processes import ProcessIdentity, at_home_in, is_alive, tree
from experiments.errors import Failure
from experiments.files import named_errors

_INITDB_S = 60.0
_START_S = 60.0
_POLL_S = 0.01
_ORPHANS_S = 5.0
# In the program or title of all processes of PostgreSQL.
_PROGRAM = "postgres"
# How PostgreSQL is asked to stop: disconnect everybody and close properly, then at once; then nobody is asked any more.
_STOPPING = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def make_cluster(binaries: Binaries, trace: Trace, password: str) -> None:
    """Make an empty cluster: role ``bigdata`` with password, locale C and UTF8, so that text sorts alike everywhere."""
    account = server_account()
    trace.data.mkdir(mode=0o700)
    give(trace.data, account)
    write_private(trace.first_password_file, password)
    try:
        give(trace.first_password_file, account)
        code, output = run_as(
            account,
            [
                str(binaries.folder / "initdb"),
                f"--pgdata={trace.data}",
                f"--pwfile={trace.first_password_file}",
                *INITDB_OPTIONS,
            ],
            timeout_s=_INITDB_S,
        )
    finally:
        trace.first_password_file.unlink()
    if code != 0:
        with named_errors(trace.data):
            raise Failure(f"initdb of PostgreSQL {binaries.version}: {error_messages(output)}")


def start_postgres(binaries: Binaries, trace: Trace, settings: Mapping[str, str], port: int) -> subprocess.Popen[str]:
    """Start the server on the loopback interface; it is not ready yet."""
    address = {"listen_addresses": HOST, "port": str(port), "unix_socket_directories": ""}
    options = [f"--{name}={value}" for name, value in {**settings, **address}.items()]
    with trace.log.open("w") as log:
        return start_as(
            server_account(), [str(binaries.folder / "postgres"), "-D", str(trace.data), *options], output=log.fileno()
        )


def wait_until_ready(process: subprocess.Popen[str], trace: Trace) -> None:
    """Wait for ``postmaster.pid`` to say ready, as pg_ctl does. Raises NotStarted where it ended, Failure if late."""
    deadline = time.monotonic() + _START_S
    while process.poll() is None:
        if _status(trace.data) == "ready":
            return
        if time.monotonic() > deadline:
            raise Failure(f"PostgreSQL was not ready within {_START_S:.0f} s: {error_messages(trace.log.read_text())}")
        time.sleep(_POLL_S)
    raise NotStarted(error_messages(trace.log.read_text()))


def end_server(server: ProcessIdentity) -> None:
    """Stop a server if it runs: fast, then immediate, then kill all its processes."""
    for number, patience_s in _STOPPING:
        if not is_alive(server):
            return
        # A postmaster that is killed cannot tell its children; they would find out by themselves, but later.
        for pid in tree(server.pid) if number == signal.SIGKILL else [server.pid]:
            _send(pid, number)
        deadline = time.monotonic() + patience_s
        while is_alive(server) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def end_orphans(data: Path) -> None:
    """Kill what a killed postmaster or initdb left in its data directory: it may take long to notice."""
    deadline = time.monotonic() + _ORPHANS_S
    while (orphans := at_home_in(data, _PROGRAM)) and time.monotonic() < deadline:
        for orphan in orphans:
            _send(orphan.pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def write_private(path: Path, text: str) -> None:
    """Write a new file that is never readable for others than its owner."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with named_errors(path), os.fdopen(descriptor, "w") as file:
        file.write(text)


def _status(data: Path) -> str | None:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    # The eighth line, LOCK_FILE_LINE_PM_STATUS in PostgreSQL's miscinit.h, since version 10.
    return lines[7].strip() if len(lines) > 7 else None


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
