"""The CPython interpreters of this machine: on PATH, from pyenv, from uv, and the running one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROBE_S = 15.0
_NAME_ON_PATH = re.compile(r"python3(\.\d+)?")

PROBE = """
import json, os, platform, sys, sysconfig
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": platform.python_version(),
    "implementation": platform.python_implementation(),
    "optimized_build": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "build": " ".join(sys.version.split()),
}))
"""
"""A program for every Python 3 that prints what ``parse_probe`` reads.

The executable is resolved, so that a shim or a link counts as what it leads to.
"""


@dataclass(frozen=True)
class Interpreter:
    """One interpreter, as it describes itself. ``optimized_build``: configured with ``--enable-optimizations``."""

    executable: Path
    version: str
    implementation: str
    optimized_build: bool
    free_threaded: bool
    build: str

    @property
    def python(self) -> str:
        """Its minor version as in matrix.yaml: '3.13'."""
        return ".".join(self.version.split(".")[:2])


def find_interpreters(
    candidates: Iterable[Path] | None = None, probe: Callable[[Path], Interpreter | None] | None = None
) -> dict[str, Interpreter]:
    """The interpreter to use for each minor version, oldest version first.

    Of several, an optimized build comes before one that is not, then the first found. Only CPython counts, and only
    with its lock on all threads (the GIL). Candidates that do not run are ignored.
    """
    probe = probe or probe_interpreter
    chosen: dict[str, Interpreter] = {}
    for executable in candidate_executables() if candidates is None else candidates:
        found = probe(executable)
        if found is None or found.implementation != "CPython" or found.free_threaded:
            continue
        rival = chosen.get(found.python)
        if rival is None or (found.optimized_build and not rival.optimized_build):
            chosen[found.python] = found
    return dict(sorted(chosen.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def candidate_executables(environment: Mapping[str, str] = os.environ, home: Path | None = None) -> list[Path]:
    """What may be an interpreter, each file once, in the order: PATH, pyenv, uv, the running one."""
    home = home or Path.home()
    found = [*_on_path(environment), *_of_pyenv(environment, home), *_of_uv(environment, home), _running()]
    return list(dict.fromkeys(found))


def probe_interpreter(executable: Path) -> Interpreter | None:
    """Run the executable and let it describe itself; None where it does not (a shim without a version, say)."""
    # -I: neither the caller's PYTHON* variables nor the current folder may change the answer.
    command = [str(executable), "-I", "-c", PROBE]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PROBE_S, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return parse_probe(done.stdout)


def parse_probe(output: str) -> Interpreter | None:
    """The interpreter that printed this when it ran ``PROBE``; None where it printed something else."""
    try:
        facts = json.loads(output)
        return Interpreter(**{**facts, "executable": Path(facts["executable"])})
    except (ValueError, TypeError, KeyError):
        return None


def _on_path(environment: Mapping[str, str]) -> Iterator[Path]:
    for folder in environment.get("PATH", "").split(os.pathsep):
        # A virtual environment, such as the one that the harness runs in, is not an interpreter of the machine.
        # os.path: a folder that this user may not look into is passed over, as a shell does.
        if folder and not os.path.exists(Path(folder).parent / "pyvenv.cfg"):  # noqa: PTH110
            yield from _executables(Path(folder))


def _of_pyenv(environment: Mapping[str, str], home: Path) -> Iterator[Path]:
    root = Path(environment.get("PYENV_ROOT") or home / ".pyenv")
    for version in _newest_first(root / "versions"):
        yield from _executables(version / "bin")


def _of_uv(environment: Mapping[str, str], home: Path) -> Iterator[Path]:
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    root = Path(environment.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    for version in _newest_first(root):
        yield from _executables(version / "bin")


def _running() -> Path:
    """The interpreter below the virtual environment that the harness runs in, if it does in one."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _executables(folder: Path) -> list[Path]:
    """The interpreters in a folder by their usual names, links followed."""
    try:
        found = [path for path in folder.iterdir() if _NAME_ON_PATH.fullmatch(path.name) and os.access(path, os.X_OK)]
    except OSError:
        return []
    return [path.resolve() for path in sorted(found)]


def _newest_first(folder: Path) -> list[Path]:
    """The folders of versions in a folder; of two patch releases the newer is to be found first."""
    try:
        found = [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)], reverse=True)
