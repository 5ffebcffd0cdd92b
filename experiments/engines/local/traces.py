"""Traces of servers, written before they exist, so that a later sweep finds what a killed one left."""

import json
import re
import secrets
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from experiments.engines.processes import ProcessIdentity
from experiments.environment.cache import cache_folder, ensure_folder, remove
from experiments.files import write_whole

_SCHEMA = 1
_DATA_PREFIX = "bigdata-matrix-"

MEMORY = Path("/dev/shm")  # noqa: S108
_NAME = re.compile(r"PostgreSQL\.\d+")

# dsm_control_header: magic, number of items, room for items; the items are aligned to 8 bytes.
_HEADER = struct.Struct("=III4x")
_MAGIC = 0x9A503D32
# dsm_control_item: handle, reference count, first page, pages, pointer, flag.
_ITEM = struct.Struct("=II32x")


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
    memory: tuple[str, ...] = ()
    """The shared memory that the server has from its start on, by name."""

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
    _write_trace(trace)
    return trace


def read_traces() -> list[Trace]:
    """Read the traces of all servers that run or were not removed; skip other files."""
    found = (_read_trace(path) for path in sorted(traces_folder().glob("*.json")))
    return [trace for trace in found if trace is not None]


def note_memory(trace: Trace, server: int) -> Trace:
    """Add to the trace the shared memory of the server with this process id."""
    complete = replace(trace, memory=mapped_segments(server))
    _write_trace(complete)
    return complete


def remove_trace(trace: Trace) -> None:
    """Remove the server's data and files, the trace last, so that an interrupted removal is repeated."""
    # A trace is a file that anything may have damaged; only what carries our name is ever removed.
    if trace.data.name == f"{_DATA_PREFIX}{trace.name}":
        remove(trace.data)
        trace.first_password_file.unlink(missing_ok=True)
    remove_segments(trace.memory)
    for path in set(trace.folder.glob(f"{trace.name}.*")) - {trace.file}:
        path.unlink(missing_ok=True)
    trace.file.unlink(missing_ok=True)


def _write_trace(trace: Trace) -> None:
    fields = {"schema": _SCHEMA, "owner": asdict(trace.owner), "data": str(trace.data), "memory": trace.memory}
    write_whole(trace.file, json.dumps(fields, indent=1) + "\n", durable=False)


def _read_trace(path: Path) -> Trace | None:
    try:
        fields = json.loads(path.read_text())
        owner = ProcessIdentity(**fields["owner"])
        return Trace(path.parent, path.stem, owner, Path(fields["data"]), tuple(fields.get("memory", ())))
    except (ValueError, KeyError, TypeError):
        return None


def mapped_segments(pid: int) -> tuple[str, ...]:
    """List a process's shared memory segments, the control segment of a postmaster; none if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    paths = (Path(line.split(maxsplit=5)[-1]) for line in lines)
    return tuple(dict.fromkeys(path.name for path in paths if path.parent == MEMORY))


def remove_segments(names: Iterable[str], memory: Path = MEMORY) -> None:
    """Remove the segments of an ended server, and those that its control segment lists."""
    for name in filter(_NAME.fullmatch, names):
        for handle in _listed(memory / name):
            (memory / f"PostgreSQL.{handle}").unlink(missing_ok=True)
        (memory / name).unlink(missing_ok=True)


def _listed(segment: Path) -> Iterator[int]:
    """List the handles in use in a control segment; none for any other segment."""
    try:
        content = segment.read_bytes()
    except FileNotFoundError:
        return
    if len(content) < _HEADER.size:
        return
    magic, items, _ = _HEADER.unpack_from(content)
    if magic != _MAGIC:
        return
    for number in range(min(items, (len(content) - _HEADER.size) // _ITEM.size)):
        handle, references = _ITEM.unpack_from(content, _HEADER.size + number * _ITEM.size)
        if references:
            yield handle
