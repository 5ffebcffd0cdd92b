"""Root file systems of Debian's packages by mmdebstrap, with the options in ``docker/debian/``."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from experiments.environment.hashes import PROJECT, short_hash
from experiments.environment.install import end_group, find_reason
from experiments.errors import Failure

MIRROR_VARIABLE = "BIGDATA_DEBIAN_MIRROR"

_FOLDER = PROJECT / "docker" / "debian"
_HOOKS_OF_MMDEBSTRAP = Path("/usr/share/mmdebstrap/hooks")
# A slow mirror may need minutes; hours would be a hang.
_TIMEOUT_S = 1200.0
_PATIENCE_S = 30.0
_LOOK_S = 0.1
_WORDS_OF_NO_NETWORK = ("Could not resolve", "Temporary failure resolving", "Could not connect", "Unable to connect")


@dataclass(frozen=True)
class Recipe:
    """One root file system for 'python' or 'postgres'. ``merge_usr``: essential packages do not yet merge /usr."""

    suite: str
    kind: str
    packages: tuple[str, ...]
    architecture: str
    merge_usr: bool = False

    def command(self, target: str, *options: str) -> list[str]:
        """Return the command line that writes the tar ``target``; BIGDATA_DEBIAN_MIRROR is respected."""
        mirror = os.environ.get(MIRROR_VARIABLE)
        return [
            *(
                "mmdebstrap",
                "--variant=essential",
                "--format=tar",
                "--skip=cleanup/run",
                f"--architectures={self.architecture}",
                *options,
            ),
            *self._contents(),
            *(self.suite, target),
            *([mirror] if mirror else []),
        ]

    def digest(self) -> str:
        """Return the SHA-256 of the recipe, in hexadecimal."""
        return hashlib.sha256("\0".join(self.command("")).encode()).hexdigest()

    def name(self) -> str:
        """Return a short hash of the contents but suite and versions, for any processor and mirror: '3fa2c1'."""
        return short_hash(*self._contents())

    def _contents(self) -> list[str]:
        """Return the options that decide the contents, from the files of the folder."""
        return [
            *(f"--aptopt={line}" for line in _lines(_FOLDER / "apt.conf")),
            *(f"--dpkgopt={line}" for line in _lines(_FOLDER / "dpkg.conf")),
            *(f"--dpkgopt={line}" for line in _lines(_FOLDER / f"{self.kind}.dpkg.conf")),
            *([f"--hook-dir={_HOOKS_OF_MMDEBSTRAP / 'merged-usr'}"] if self.merge_usr else []),
            *self._hooks(),
            f"--include={','.join(self.packages)}",
        ]

    def _hooks(self) -> list[str]:
        """Return the hooks by content: mmdebstrap in a name space may not reach the files."""
        stages = ("essential", "customize")
        files = {stage: _FOLDER / f"{self.kind}.{stage}.sh" for stage in stages}
        return [f"--{stage}-hook={file.read_text()}" for stage, file in files.items() if file.is_file()]


def mmdebstrap_missing() -> str | None:
    """Return why mmdebstrap cannot be called and what to do; None if it can."""
    if shutil.which("mmdebstrap"):
        return None
    return "mmdebstrap is not installed (on Debian or Ubuntu: apt-get install mmdebstrap)"


def make_tar(recipe: Recipe, target: Path, stop: threading.Event) -> None:
    """Write the root file system as a tar archive. Raises Failure with mmdebstrap's words, or when ``stop`` is set."""
    _run(recipe, recipe.command(str(target)), stop)


def candidate_versions(recipe: Recipe) -> dict[str, str]:
    """Return the versions of all packages that the archive has for the recipe, without making it (4 s)."""
    output = _run(recipe, recipe.command("-", "--simulate", "--verbose"), threading.Event())
    return dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", output, re.MULTILINE))


def _run(recipe: Recipe, command: Sequence[str], stop: threading.Event) -> str:
    what = f"Debian {recipe.suite} with {', '.join(recipe.packages)}"
    with tempfile.TemporaryFile("w+") as said:
        try:
            code = _wait(command, said, stop)
        except FileNotFoundError as error:
            raise Failure(f"{what}: {mmdebstrap_missing()}") from error
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{what}: mmdebstrap did not end within {_TIMEOUT_S:.0f} s") from error
        said.seek(0)
        output = said.read()
    if stop.is_set():
        raise Failure(f"{what}: stopped")
    if code != 0:
        raise Failure(f"{what}: {explain(output)}")
    return output


def _wait(command: Sequence[str], said: IO[str], stop: threading.Event) -> int:
    """Wait for its exit code. Ctrl-C does not reach it: it is asked to end, so that it can unmount."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        for _ in range(int(_TIMEOUT_S / _LOOK_S)):
            try:
                return process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    break
        else:
            raise subprocess.TimeoutExpired(command, _TIMEOUT_S)
    finally:
        # As a terminal does: mmdebstrap itself would only wait for those that do the work to come to their end.
        end_group(process, signal.SIGINT, _PATIENCE_S)
    return process.returncode


def explain(output: str) -> str:
    """Extract the reason from mmdebstrap's output, with a hint if no mirror was reached."""
    reason = find_reason("mmdebstrap", output, "E: ", "Err:")
    if any(word in output for word in _WORDS_OF_NO_NETWORK):
        reason += f". Debian's mirror was not reached: check the network, or name one in {MIRROR_VARIABLE}"
    return reason


def _lines(file: Path) -> list[str]:
    """Read the file's lines without comments and empty ones; none if it is missing."""
    if not file.is_file():
        return []
    lines = (line.strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]
