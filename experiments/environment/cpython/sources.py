"""The sources of a CPython: an archive that the user has, or Debian's source package."""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from experiments.environment.install import find_reason, run_locked
from experiments.errors import BadInput, Failure, Unsupported

# A slow mirror may need minutes for 25 MB; hours would be a hang.
_TIMEOUT_S = 1200.0
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PATCHLEVEL = re.compile(r"[^/]+/Include/patchlevel\.h")
_VERSION = re.compile(r'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)


def read_version(archive: Path) -> str:
    """Read the CPython version of a source archive: '3.14.7'. Raises BadInput for another file."""
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                content = opened.extractfile(member) if _PATCHLEVEL.fullmatch(member.name) else None
                found = _VERSION.search(content.read().decode()) if content else None
                if found:
                    return found[1]
    except (OSError, EOFError, tarfile.TarError) as error:
        raise BadInput(f"--archive: {archive} cannot be read as a tar archive: {error}") from error
    raise BadInput(
        f"--archive: {archive} has no sources of CPython (no Include/patchlevel.h in its folder): give the archive "
        "that python.org or Debian has, such as Python-3.14.7.tar.xz or python3.14_3.14.7.orig.tar.xz"
    )


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the sources below the folder; return their folder."""
    with tarfile.open(archive) as opened:
        # Refuses what leaves the folder; the first releases of 3.11 have no such check.
        opened.extraction_filter = getattr(tarfile, "data_filter", None)
        opened.extractall(folder)  # noqa: S202
    (sources,) = (path for path in folder.iterdir() if path.is_dir())
    return sources


def fetch_debian_source(python: str, suites: Mapping[str, str], mirror: str | None, folder: Path, turn: int) -> Path:
    """Fetch the archive of Debian's source package of an interpreter such as '3.13' by apt.

    ``suites``: which suite has which. ``mirror`` is the one that the user names, else apt's configuration has it.
    ``turn``: the descriptor of a locked file that apt holds, too. Raises Unsupported where Debian has none or this
    machine cannot ask, Failure with apt's words where it does not come.
    """
    if python not in suites:
        raise Unsupported(f"Debian's suites have {', '.join(suites)}")
    if shutil.which("apt-get") is None or not _KEYRING.is_file():
        raise Unsupported("Debian's source packages take apt-get and debian-archive-keyring, and this machine has not")
    address = mirror or find_mirror(_apt(["apt-get", "indextargets", "--no-release-info", *_FORMAT], turn), suites)
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb-src [signed-by={_KEYRING}] {address} {suites[python]} main\n")
    options = [f"-o{name}={value}" for name, value in _apt_options(folder).items()]
    _apt(["apt-get", *options, "update"], turn)
    _apt(["apt-get", *options, "source", "--download-only", f"python{python}"], turn, folder)
    archives = sorted(folder.glob(f"python{python}_*.orig.tar.*"))
    found = [path for path in archives if not path.name.endswith(".asc")]
    if not found:
        raise Failure(f"Debian {suites[python]}: the source package of python{python} has no archive of the original")
    return found[0]


_FORMAT = ("--format", "$(REPO_URI) $(RELEASE)")


def find_mirror(targets: str, suites: Mapping[str, str]) -> str:
    """Find the address of Debian's archive in apt's configuration: lines of address and suite."""
    known = {*suites.values(), "bullseye", "sid", "stable", "oldstable", "testing", "unstable"}
    for line in targets.splitlines():
        address, _, suite = line.partition(" ")
        if suite in known:
            return address
    raise Unsupported("apt's configuration names no mirror of Debian: name one in BIGDATA_DEBIAN_MIRROR")


def _apt_options(folder: Path) -> dict[str, str]:
    """Return options by which apt uses this list only and changes nothing of the machine's."""
    return {
        "Dir::Etc::SourceList": str(folder / "sources.list"),
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": str(folder / "lists"),
        "Dir::Cache": str(folder / "cache"),
        # Suites that are no longer, or not yet, released let their lists expire.
        "Acquire::Check-Valid-Until": "false",
        # The account that apt would fetch under cannot enter the cache of a user.
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
    }


def _apt(command: list[str], turn: int, folder: Path = Path("/")) -> str:
    try:
        done = run_locked(command, lock=turn, timeout_s=_TIMEOUT_S, folder=folder)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"apt-get did not end within {_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        raise Failure(f"apt-get: {find_reason('it', done.stdout + done.stderr, 'E: ')}")
    return done.stdout
