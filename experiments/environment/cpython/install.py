"""Interpreters that this machine lacks, brought into the cache by uv or built from source."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from experiments.environment.cache import cache_folder, ensure_folder, working_folder
from experiments.environment.cpython.build import Build, build, missing_to_build
from experiments.environment.cpython.sources import fetch_debian_source, read_version, unpack
from experiments.environment.install import run_locked
from experiments.environment.interpreters import installed_folder
from experiments.environment.requirements import is_free_threaded
from experiments.errors import BadInput, Failure, Unsupported

_UV_S = 900.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Sources:
    """The sources of an interpreter: an archive of the user's, or Debian's suites by version."""

    archive: Path | None = None
    suites: Mapping[str, str] = field(default_factory=dict)
    mirror: str | None = None
    quick: bool = False


def get_interpreter(python: str, sources: Sources, environment: Mapping[str, str], tell: Tell) -> None:
    """Get '3.13t' from the archive, else uv or Debian. Raises Failure with reasons, BadInput for another archive."""
    folder = cache_folder() / "building" / f"cpython-{python}"
    with working_folder(folder) as turn:
        if sources.archive is not None:
            version = check_archive(sources.archive, python)
            _build(python, version, sources.archive, sources.quick, folder, tell, turn)
            return
        tell(f"Python {python}: asking uv")
        no_uv = install_by_uv(python, environment, turn)
        if no_uv is None:
            return
        tell(f"Python {python}: not from uv ({no_uv}); looking for Debian's sources")
        try:
            archive = fetch_debian_source(python.rstrip("t"), sources.suites, sources.mirror, folder, turn)
        except (Failure, Unsupported) as no_debian:
            raise Failure(
                f"Python {python} cannot be had: uv: {no_uv}; Debian: {no_debian}. Get the archive of its sources from "
                "python.org and name it: --archive FILE"
            ) from no_debian
        _build(python, read_version(archive), archive, sources.quick, folder, tell, turn)


def check_archive(archive: Path, python: str) -> str:
    """Return the version in the archive. Raises BadInput if it is not the interpreter's."""
    version = read_version(archive)
    if ".".join(version.split(".")[:2]) != python.rstrip("t"):
        raise BadInput(f"--archive: {archive} has CPython {version}, and {python} was asked for")
    return version


def install_by_uv(python: str, environment: Mapping[str, str], turn: int) -> str | None:
    """Install it by uv; return why that failed, or None."""
    folder = ensure_folder(installed_folder(), private=False)
    command = [sys.executable, "-m", "uv", "--color", "never", "python", "install", "--no-bin", "--no-progress"]
    command.append(python)
    try:
        variables = {**environment, "UV_PYTHON_INSTALL_DIR": str(folder)}
        done = run_locked(command, lock=turn, timeout_s=_UV_S, environment=variables)
    except subprocess.TimeoutExpired:
        return f"it did not end within {_UV_S:.0f} s"
    if done.returncode == 0:
        return None
    # The first line says what, the last why; between them are addresses.
    lines = [line.strip().removeprefix("cause: ").removeprefix("error: ") for line in done.stderr.splitlines()]
    reasons = [line for line in lines if line and "://" not in line] or ["it failed without output"]
    return "; ".join(dict.fromkeys((reasons[0], reasons[-1])))


def _build(python: str, version: str, archive: Path, quick: bool, folder: Path, tell: Tell, turn: int) -> None:
    missing = missing_to_build()
    if missing:
        raise Failure(
            f"Python {python}: building it needs what is not here: {', '.join(missing)} (on Debian or Ubuntu: "
            f"apt-get install {' '.join(missing)})"
        )
    place = folder / "build"
    place.mkdir()
    what = Build(version, unpack(archive, place), is_free_threaded(python), quick)
    build(what, ensure_folder(installed_folder(), private=False) / what.name, tell, turn)
