"""CPython interpreters of this machine: the user's, on PATH, from pyenv, uv and the cache."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from experiments.environment.cache import cache_folder
from experiments.environment.install import output_of

VARIABLE = "BIGDATA_PYTHONS"
"""Names interpreters that stand elsewhere: executables, or folders that have them (or a ``bin`` with them)."""

_PROBE_S = 15.0
_OPTIMIZED = (True, None, False)
_NAME_ON_PATH = re.compile(r"python3(\.\d+)?t?")

PROBE = """
import json, os, platform, sys, sysconfig
told = sysconfig.get_config_var("CONFIG_ARGS") or ""
# Debian's executable is static, and its sysconfig that of a shared build with other options.
if sysconfig.get_config_var("Py_ENABLE_SHARED") and os.path.exists("/proc/self/maps"):
    with open("/proc/self/maps") as maps:
        told = told if "libpython" in maps.read() else None
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": platform.python_version(),
    "implementation": platform.python_implementation(),
    "optimized_build": None if told is None else "--enable-optimizations" in told,
    "lto": None if told is None else "--with-lto" in told,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "build": " ".join(sys.version.split()),
}))
"""
"""A program for every Python 3 that prints what ``parse_probe`` reads.

The executable is resolved, so that a shim or a link counts as what it leads to.
"""


@dataclass(frozen=True)
class Interpreter:
    """One interpreter, as it describes itself; ``origin`` is the kind of place where it was found: 'PATH', 'pyenv'.

    ``optimized_build`` and ``lto`` are None where it does not say, as those of Debian.
    """

    executable: Path
    version: str
    implementation: str
    optimized_build: bool | None
    free_threaded: bool
    build: str
    lto: bool | None = False
    origin: str = ""

    @property
    def python(self) -> str:
        """Its minor version as in matrix.yaml: '3.13', or '3.13t' for a free-threaded build."""
        return ".".join(self.version.split(".")[:2]) + ("t" if self.free_threaded else "")


def find_interpreters(
    candidates: Mapping[Path, str] | None = None, probe: Callable[[Path], Interpreter | None] | None = None
) -> dict[str, Interpreter]:
    """Find the interpreter of each minor version, oldest first, a free-threaded build after the usual one.

    Of several, an optimized build comes before one that may be, that before one that is not, then the first found. Only
    CPython counts. Candidates that do not run are ignored. ``candidates`` are executables with the kind of place where
    each was found.
    """
    probe = probe or probe_interpreter
    chosen: dict[str, Interpreter] = {}
    for executable, origin in (candidate_executables() if candidates is None else candidates).items():
        found = probe(executable)
        if found is None or found.implementation != "CPython":
            continue
        rival = chosen.get(found.python)
        if rival is None or _OPTIMIZED.index(found.optimized_build) < _OPTIMIZED.index(rival.optimized_build):
            chosen[found.python] = replace(found, origin=origin)
    return dict(sorted(chosen.items(), key=lambda item: python_order(item[0])))


def python_order(python: str) -> tuple[int, int, bool]:
    """Return the sort key: '3.9' before '3.13' before '3.13t' before '3.14'."""
    major, minor = python.rstrip("t").split(".")
    return int(major), int(minor), python.endswith("t")


def candidate_executables(environment: Mapping[str, str] = os.environ, home: Path | None = None) -> dict[Path, str]:
    """Yield possible interpreters, each file once, with the kind of place where it was found."""
    home = home or Path.home()
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    places: dict[str, Iterable[Path]] = {
        VARIABLE: (executable for place in _places(environment) for executable in _at(Path(place))),
        "PATH": _on_path(environment),
        "pyenv": _below(Path(environment.get("PYENV_ROOT") or home / ".pyenv") / "versions"),
        "uv": _below(Path(environment.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")),
        "cache": _below(installed_folder()),
        # The one below the harness's virtual environment, if it runs in one.
        "running": [Path(getattr(sys, "_base_executable", sys.executable)).resolve()],
    }
    found: dict[Path, str] = {}
    for origin, executables in places.items():
        for executable in executables:
            found.setdefault(executable, origin)
    return found


def installed_folder() -> Path:
    """Return the folder of ``nox -s interpreters``, with a folder for each; it may not exist."""
    return cache_folder() / "interpreters"


def named_in_vain(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variable's places that have no interpreter."""
    return [place for place in _places(environment) if not _at(Path(place))]


def probe_interpreter(executable: Path) -> Interpreter | None:
    """Run the executable, once for each state of its file, and let it describe itself; None if it does not (a shim)."""
    try:
        file = executable.stat()
    except OSError:
        return None
    return _probe_file(executable, (file.st_dev, file.st_ino, file.st_mtime_ns))


@cache
def _probe_file(executable: Path, _state: tuple[int, ...]) -> Interpreter | None:
    # -I: neither the caller's PYTHON* variables nor the current folder may change the answer.
    output = output_of([str(executable), "-I", "-c", PROBE], _PROBE_S)
    return None if output is None else parse_probe(output)


def parse_probe(output: str) -> Interpreter | None:
    """Parse the output of ``PROBE``; None if it is something else."""
    try:
        facts = json.loads(output)
        return Interpreter(**{**facts, "executable": Path(facts["executable"])})
    except (ValueError, TypeError, KeyError):
        return None


def _on_path(environment: Mapping[str, str]) -> Iterator[Path]:
    for folder in environment.get("PATH", "").split(os.pathsep):
        # A virtual environment, such as the one that the harness runs in, is not an interpreter of the machine. Shims
        # lead to pyenv's interpreters, which are found where they are: each of them would take half a second.
        # os.path: a folder that this user may not look into is passed over, as a shell does.
        place = Path(folder)
        if folder and place.name != "shims" and not os.path.exists(place.parent / "pyvenv.cfg"):  # noqa: PTH110
            yield from _executables(place)


def _places(environment: Mapping[str, str]) -> list[str]:
    return [place for place in environment.get(VARIABLE, "").split(os.pathsep) if place]


def _at(place: Path) -> list[Path]:
    """Yield the interpreters at a place that a user names."""
    if place.is_dir():
        return [*_executables(place), *_executables(place / "bin")]
    return [place.resolve()] if place.is_file() and os.access(place, os.X_OK) else []


def _below(folder: Path) -> Iterator[Path]:
    """Yield the interpreters of a folder with one folder per version."""
    for version in _newest_first(folder):
        yield from _executables(version / "bin")


def _executables(folder: Path) -> list[Path]:
    """Yield the interpreters in a folder by their usual names, links followed."""
    try:
        found = [path for path in folder.iterdir() if _NAME_ON_PATH.fullmatch(path.name) and os.access(path, os.X_OK)]
    except OSError:
        return []
    return [path.resolve() for path in sorted(found)]


def _newest_first(folder: Path) -> list[Path]:
    """Sort the folders of versions in a folder, newer patch releases first."""
    try:
        found = [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], reverse=True)
