"""What tests look at in servers of the local engine."""

from __future__ import annotations

import contextlib
import os
import signal
import urllib.parse
from pathlib import Path

from experiments.engines.local.server import LocalServer
from experiments.engines.processes import tree


def data_of(server: LocalServer) -> Path:
    return Path(server.execute("SHOW data_directory"))


def listening_addresses(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            if fields[3] == "0A" and int(number, 16) == port:
                found.add(address)
    return found


def users(postmaster: int) -> set[int]:
    """Whom a server's processes run as; the backend of a client that has just left may be gone meanwhile."""
    found = set()
    for pid in tree(postmaster):
        with contextlib.suppress(FileNotFoundError):
            found.add(Path(f"/proc/{pid}").stat().st_uid)
    return found


def password(server: LocalServer) -> str:
    return urllib.parse.urlsplit(server.url(with_password=True)).password or ""


def postmaster_of(server: LocalServer) -> int:
    return int((data_of(server) / "postmaster.pid").read_text().split()[0])


def kill_postmaster(server: LocalServer) -> None:
    os.kill(postmaster_of(server), signal.SIGKILL)
    server._life.process.wait()
