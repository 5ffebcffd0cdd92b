"""Runs of pip, with its own configuration (index, certificate, proxy), and of other programs that install."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.errors import Failure, Unsupported

# Hours would be a hang; a slow line may well need minutes.
_TIMEOUT_S = 900.0
# They would put the packages elsewhere, or nowhere, and leave an empty environment that passes for a complete one.
_REDIRECTIONS = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_DRY_RUN")
# Of what a user brought: no lock has such a wheel, or such versions.
_WORDS_OF_NO_FIT = ("is not a supported wheel on this platform", "have conflicting dependencies")
_WORDS_OF_NO_NETWORK = ("NewConnectionError", "ConnectTimeout", "Name or service not known", "Connection refused")


def run_pip(pip: Sequence[str | Path], arguments: Sequence[str | Path], *, purpose: str, lock: int) -> None:
    """Run pip quietly, with a locked file's descriptor.

    Raises Unsupported for packages that do not fit, else Failure with purpose, pip's words, and what may help.
    """
    command = [*map(str, pip), "--disable-pip-version-check", "--no-input", "--quiet", *map(str, arguments)]
    try:
        environment = {name: value for name, value in os.environ.items() if name not in _REDIRECTIONS}
        done = run_locked(command, lock=lock, timeout_s=_TIMEOUT_S, environment=environment)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{purpose}: pip did not end within {_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        output = done.stdout + done.stderr
        kind = Unsupported if any(word in output for word in _WORDS_OF_NO_FIT) else Failure
        raise kind(f"{purpose}: {explain(output)}")


def explain(output: str) -> str:
    """Extract the reason from pip's output, with a hint if the package index was not reached."""
    reason = find_reason("pip", output, "ERROR: ")
    if any(word in output for word in _WORDS_OF_NO_NETWORK):
        reason += ". The package index was not reached: check the network, or name your index in pip's configuration"
    return reason


def find_reason(program: str, output: str, *prefixes: str) -> str:
    """Extract the lines that begin with one of the prefixes, without the first of these; else the last three lines."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix(prefixes[0]) for line in lines if line.startswith(prefixes)]
    return "; ".join(dict.fromkeys(errors or lines[-3:])) or f"{program} failed without output"


def end_group(process: subprocess.Popen[bytes], number: signal.Signals, patience_s: float) -> None:
    """Ask a program and its children by a signal to end, and kill those that have not in time."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, number)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def output_of(command: Sequence[str], timeout_s: float) -> str | None:
    """Return the output of a program that runs without input; None if it fails."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=True, cwd="/"
        ).stdout
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def run_locked(
    command: Sequence[str],
    *,
    lock: int,
    timeout_s: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run it without input; it holds ``lock``, a locked file's descriptor, too. Raises subprocess.TimeoutExpired."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=timeout_s,
        check=False,
        pass_fds=(lock,),
    )
