"""Profiler attached to the loader in the same process namespace: ``python -m bigdata.measurement.attach``.

For a container beside the loader's, for explanations only. What the instrument writes goes to standard output.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PID, OUTPUT = "{pid}", "{output}"
_WAIT_S = 60.0
_LOOK_EVERY_S = 0.02
_BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the instrument on the loader, with {pid} and {output} filled in, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bigdata.measurement.attach", description=__doc__)
    parser.add_argument("command", nargs="+", help="the instrument's command line, {pid} and {output} in it")
    options = parser.parse_args(arguments)
    pid = find_loader(_WAIT_S)
    if pid is None:
        print(f"error: no loader started within {_WAIT_S:g} s", file=sys.stderr)
        return _BAD_INPUT
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "seen"
        command = [word.replace(PID, str(pid)).replace(OUTPUT, str(output)) for word in options.command]
        code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
        # An instrument may end before the loader, which is not to end with this process.
        while is_there(pid):
            time.sleep(_LOOK_EVERY_S)
        if output.exists():
            print(output.read_text())
    return code


def find_loader(within_s: float) -> int | None:
    """Return the process ID of the first ``bigdata.cmd ... run``; None if none starts in that time."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        for folder in Path("/proc").glob("[0-9]*"):
            if _is_loader(folder):
                return int(folder.name)
        time.sleep(_LOOK_EVERY_S)
    return None


def is_there(pid: int) -> bool:
    """Return True if the process runs; a zombie does not count."""
    try:
        state = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _is_loader(folder: Path) -> bool:
    words = _arguments(folder)
    return "bigdata.cmd" in words and "run" in words


def _arguments(folder: Path) -> list[str]:
    try:
        text = (folder / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return []
    return text.split("\0")[:-1]


if __name__ == "__main__":
    sys.exit(main())
