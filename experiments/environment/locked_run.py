"""Running a program that writes where others must not: it holds the lock as long as it lives."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_locked(
    command: Sequence[str],
    *,
    lock: int,
    timeout_s: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run it without input and take in all that it says.

    ``lock`` is the descriptor of the locked file: the program holds it too, as it lives on for a while when the harness
    is killed. Raises subprocess.TimeoutExpired where it has to be ended.
    """
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
