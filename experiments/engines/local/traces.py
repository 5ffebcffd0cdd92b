"""Traces of servers, written before they exist, so that a later sweep finds what a killed one left."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from experiments.engines.local.shared_memory import remove_shared_memory
from experiments.engines.processes import ProcessIdentity
from experiments.environment.cache import cache_folder, ensure_folder, remove
from experiments.files import write_whole

_SCHEMA = 1
_DATA_PREFIX = "bigdata-matrix-"


@dataclass(frozen=True)
class Trace:
    """The trace of one server: its owner and its data folder.

    Its processes are not written down, as there is always a moment when they are not yet: they carry the name of the
    data directory, which is unique, among their arguments.
    """

    folder: Path
    name: str
    owner: ProcessIdentity
    data: Path

    @property
    def file(self) -> Path:
        """The file of this trace."""
        return self.folder / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """The server's own log."""
        return self.folder / f"{self.name}.log"

    @property
    def password_file(self) -> Path:
        """The password file for libpq (PGPASSFILE)."""
        return self.folder / f"{self.name}.pgpass"

    @property
    def first_password_file(self) -> Path:
        """The password file for initdb, beside the data while that runs."""
        return self.data.with_suffix(".password")


def traces_folder() -> Path:
    """Return the folder of the traces, which only the user can enter."""
    return ensure_folder(cache_folder() / "servers", private=True)


def leave_trace(owner: ProcessIdentity, data_parent: Path) -> Trace:
    """Name a new server and write its trace. Nothing of the server exists yet."""
    name = secrets.token_hex(6)
    trace = Trace(traces_folder(), name, owner, data_parent / f"{_DATA_PREFIX}{name}")
    fields = {"schema": _SCHEMA, "owner": asdict(trace.owner), "data": str(trace.data)}
    write_whole(trace.file, json.dumps(fields, indent=1) + "\n", durable=False)
    return trace


def read_traces() -> list[Trace]:
    """Read the traces of all servers that run or were not removed; skip other files."""
    found = (_read_trace(path) for path in sorted(traces_folder().glob("*.json")))
    return [trace for trace in found if trace is not None]


def remove_trace(trace: Trace) -> None:
    """Remove the server's data and files, the trace last, so that an interrupted removal is repeated."""
    # A trace is a file that anything may have damaged; only what carries our name is ever removed.
    if trace.data.name == f"{_DATA_PREFIX}{trace.name}":
        remove_shared_memory(trace.data)
        remove(trace.data)
        trace.first_password_file.unlink(missing_ok=True)
    for path in set(trace.folder.glob(f"{trace.name}.*")) - {trace.file}:
        path.unlink(missing_ok=True)
    trace.file.unlink(missing_ok=True)


def _read_trace(path: Path) -> Trace | None:
    try:
        fields = json.loads(path.read_text())
        owner = ProcessIdentity(**fields["owner"])
        return Trace(path.parent, path.stem, owner, Path(fields["data"]))
    # OSError: its server was stopped just now.
    except (OSError, ValueError, KeyError, TypeError):
        return None
