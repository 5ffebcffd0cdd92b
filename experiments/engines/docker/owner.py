"""Owner label of containers, networks and volumes: a process on some machine."""

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
    """A process identified for good: its number alone is reused."""

    host: str
    pid: int
    started: str

    def label(self) -> str:
        """Format the owner as a label."""
        return json.dumps(asdict(self))


def parse_owner(label: str) -> Owner | None:
    """Parse the owner in a label; None if it names none."""
    try:
        fields = json.loads(label)
        return Owner(str(fields["host"]), int(fields["pid"]), str(fields["started"]))
    except (ValueError, KeyError, TypeError):
        return None


def this_owner() -> Owner:
    """Return this process as owner. Raises Failure if the system does not tell its start time."""
    started = start_of(os.getpid())
    if started is None:
        raise Failure("this process finds itself neither below /proc nor with ps: one of them is needed")
    return Owner(host_id(), os.getpid(), started)


def has_died(owner: Owner) -> bool:
    """Return whether the owner has surely ended: of one elsewhere or hidden that is unknown."""
    if owner.host != host_id():
        return False
    started = start_of(owner.pid)
    return started != owner.started if started is not None else not _is_hidden(owner.pid)


def host_id() -> str:
    """Return an id of machine and process namespace, hashed as a machine's id is nobody's business (machine-id(5))."""
    machine = _MACHINE_ID.read_text().strip() if _MACHINE_ID.exists() else str(uuid.getnode())
    processes = str(_PROCESSES.readlink()) if _PROCESSES.is_symlink() else ""
    return hashlib.sha256("\n".join((platform.node(), machine, processes)).encode()).hexdigest()[:16]


def start_of(pid: int) -> str | None:
    """Return the start time of a process in the system's own format; None if there is none."""
    if _PROCESSES.is_symlink():
        found = identity(pid)
        return None if found is None else found.started
    return _start_by_ps(pid)


def _is_hidden(pid: int) -> bool:
    """Return whether another user's process, which /proc may hide (hidepid in proc(5)), has this number."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _start_by_ps(pid: int) -> str | None:
    """Ask ps, on systems without /proc: POSIX has no start time, but every ps has lstart."""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PS_S, check=False, env=environment)
    return " ".join(done.stdout.split()) or None
