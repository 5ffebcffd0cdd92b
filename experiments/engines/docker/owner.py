"""Whose a container, network or volume is: a process on some machine, written into a label."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.engines.processes import identity
from experiments.errors import Failure

_MACHINE_ID = Path("/etc/machine-id")
_PROCESSES = Path("/proc/self/ns/pid")
_PS_S = 10.0


@dataclass(frozen=True)
class Owner:
    """A process for good: its number alone is given to another one some day."""

    host: str
    pid: int
    started: str

    def label(self) -> str:
        """The owner as a label's text."""
        return json.dumps(asdict(self))


def parse_owner(label: str) -> Owner | None:
    """The owner that a label names; None where it names none."""
    try:
        fields = json.loads(label)
        return Owner(str(fields["host"]), int(fields["pid"]), str(fields["started"]))
    except (ValueError, KeyError, TypeError):
        return None


def this_owner() -> Owner:
    """This process. Raises Failure where the system does not say when it started."""
    started = start_of(os.getpid())
    if started is None:
        raise Failure("this process finds itself neither below /proc nor with ps: one of them is needed")
    return Owner(host_id(), os.getpid(), started)


def has_died(owner: Owner) -> bool:
    """Whether it is sure that the owner has ended: of one on another machine, or hidden from us, that is not known."""
    if owner.host != host_id():
        return False
    started = start_of(owner.pid)
    return started != owner.started if started is not None else not _is_hidden(owner.pid)


def host_id() -> str:
    """A name for the processes that this one can see: another machine or process namespace has another one.

    Hashed, as it goes into labels and a machine's id is nobody's business (machine-id(5)).
    """
    machine = _MACHINE_ID.read_text().strip() if _MACHINE_ID.exists() else str(uuid.getnode())
    processes = str(_PROCESSES.readlink()) if _PROCESSES.is_symlink() else ""
    return hashlib.sha256("\n".join((platform.node(), machine, processes)).encode()).hexdigest()[:16]


def start_of(pid: int) -> str | None:
    """When the process with this number started, in the system's own words; None where there is none."""
    if _PROCESSES.is_symlink():
        found = identity(pid)
        return None if found is None else found.started
    return _start_by_ps(pid)


def _is_hidden(pid: int) -> bool:
    """Whether another user's process has this number: /proc may show each user only their own (hidepid in proc(5))."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _start_by_ps(pid: int) -> str | None:
    """For systems without /proc: POSIX has no start time, but every ps has lstart."""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PS_S, check=False, env=environment)
    return " ".join(done.stdout.split()) or None
