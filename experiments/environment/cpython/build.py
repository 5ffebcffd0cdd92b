"""Build of a CPython from sources into the cache, complete or absent."""

import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.environment.affinity import allowed_cpus
from experiments.environment.cache import remove
from experiments.environment.install import end_group
from experiments.errors import Failure
from experiments.formatting import duration

# With a profile on one slow core it may take more than an hour.
_TIMEOUT_S = 4 * 3600.0
_PATIENCE_S = 10.0
_TOLD_LINES = 15
# What the loaders and pip need; without these headers CPython builds, and lacks the modules.
_HEADERS = {"zlib.h": "zlib1g-dev", "openssl/ssl.h": "libssl-dev", "ffi.h": "libffi-dev"}
_PROGRAMS = {"cc": "gcc", "make": "make"}
_CHECK = "import ctypes, ssl, venv, zlib"
_SECONDS_OF_A_CHECK = 60.0


@dataclass(frozen=True)
class Build:
    """A build of one version ('3.14.7'); ``quick`` leaves out optimizations: minutes, and marked in every table."""

    version: str
    sources: Path
    free_threaded: bool = False
    quick: bool = False

    @property
    def name(self) -> str:
        """The name of the folder that it is installed to."""
        return f"cpython-{self.version}{'t' if self.free_threaded else ''}{'-quick' if self.quick else ''}"

    def configuration(self, prefix: Path) -> list[str]:
        """Return the command that configures it."""
        # pip comes with each virtual environment, from the interpreter's own copy.
        options = [f"--prefix={prefix}", "--with-ensurepip=no"]
        options += ["--disable-gil"] if self.free_threaded else []
        options += ["--disable-test-modules"] if self.quick else ["--enable-optimizations", "--with-lto"]
        return [str(self.sources / "configure"), *options]


def missing_to_build() -> list[str]:
    """List Debian's packages that building needs and this machine lacks."""
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if "gcc" in missing:
        return [*missing, *_HEADERS.values()]
    return missing + [package for header, package in _HEADERS.items() if not _has_header(header)]


def build(what: Build, target: Path, tell: Callable[[str], None], turn: int) -> None:
    """Build it and install it as the folder ``target``, which becomes visible when it is complete.

    ``turn``: the descriptor of a locked file that the compiler holds, too. Raises Failure with the tail of what was
    said where it fails; what was begun is removed then, and after an interruption.
    """
    stage = what.sources.parent / "root"
    log = what.sources.parent / "log"
    jobs = max(1, len(allowed_cpus()))
    compiling = "compiling" if what.quick else "compiling twice, with a profile between (10 to 60 minutes)"
    steps = [
        ("configuring", what.configuration(target)),
        (f"{compiling} with {jobs} at once", ["make", f"-j{jobs}"]),
        # Without CPython's own tests, which a profile has run by now.
        ("installing", ["make", "install", f"DESTDIR={stage}", "TEST_MODULES=no"]),
    ]
    for step, command in steps:
        started = time.monotonic()
        tell(f"CPython {what.version}: {step}")
        _run(command, what.sources, log, turn)
        tell(f"CPython {what.version}: {step.split()[0]} took {duration(time.monotonic() - started)}")
    made = stage / target.relative_to("/")
    for tests in made.glob("lib/python3.*/test"):
        remove(tests)
    _check(made)
    remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    made.rename(target)


def _check(made: Path) -> None:
    """Check that it runs, and has what virtual environments and drivers need."""
    command = [str(made / "bin" / "python3"), "-I", "-c", _CHECK]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS_OF_A_CHECK)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise Failure(f"the interpreter that was built lacks what is needed: {said}")


def _run(command: Sequence[str], folder: Path, log: Path, turn: int) -> None:
    """Run a step in a session of its own, so that all that it started can be ended with it."""
    # What the user has set for other builds, or for Python, is not for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE"))}
    with log.open("w") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(turn,),
        )
        try:
            code = process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{Path(command[0]).name} did not end within {duration(_TIMEOUT_S)}") from error
        finally:
            end_group(process, signal.SIGTERM, _PATIENCE_S)
    if code != 0:
        with log.open(errors="replace") as lines:
            tail = "".join(deque(lines, _TOLD_LINES)).rstrip()
        raise Failure(f"{Path(command[0]).name} failed with exit code {code}; the end of what it said:\n{tail}")


def _has_header(header: str) -> bool:
    command = ["cc", "-E", "-x", "c", "-o", os.devnull, "-"]
    done = subprocess.run(command, input=f"#include <{header}>\n", text=True, capture_output=True, check=False)
    return done.returncode == 0
