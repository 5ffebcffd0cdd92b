"""``python -m bigdata.thread_states``: what the threads of a program are at, sampled from outside; for explanations.

The kernel says of each thread whether it runs (or would, had it a core) or in which system call it sleeps
(``/proc/PID/task/TID/syscall``, proc(5)). Reading that stops nobody, unlike a look at stacks. The kernel lets a parent
read it, or who may trace the process. Linux on x86-64 and arm64 only.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Iterator

INTERVAL_S = 0.005
RUNNING = "running"
FUTEX = "futex"
TIMED = "timed"

# The calls that a loader's threads sleep in, by number: asm/unistd_64.h, asm-generic/unistd.h.
_CALLS = {
    "x86_64": {
        **{0: "read", 1: "write", 7: "poll", 23: "select", 44: "sendto", 45: "recvfrom", 202: FUTEX},
        **{230: "clock_nanosleep", 232: "epoll_wait", 270: "pselect6", 271: "ppoll", 281: "epoll_pwait"},
    },
    "aarch64": {
        **{22: "epoll_pwait", 63: "read", 64: "write", 72: "pselect6", 73: "ppoll", 98: FUTEX},
        **{115: "clock_nanosleep", 206: "sendto", 207: "recvfrom"},
    },
}
# A futex is an address to wait at; the time limit is the call's fourth argument.
_TIME_LIMIT = 4


def main(arguments: list[str] | None = None) -> int:
    """Run a command, or look at a process, until it ends; write what was seen; the command's exit code."""
    parser = argparse.ArgumentParser(prog="python -m bigdata.thread_states", description=__doc__)
    parser.add_argument("--output", metavar="FILE|-", required=True, help="where the one JSON object goes")
    parser.add_argument("--pid", type=int, metavar="N", help="look at this process; there is no command then")
    parser.add_argument("command", nargs="*", help="a program with its arguments")
    options = parser.parse_args(arguments)
    if (options.pid is None) == (not options.command):
        parser.error("expected either --pid or a command")
    process = None if options.command == [] else subprocess.Popen(options.command)
    seen = watch(options.pid if process is None else process.pid, process)
    text = json.dumps(seen)
    if options.output == "-":
        print(text)
    else:
        Path(options.output).write_text(text)
    return 0 if process is None else process.wait()


def watch(pid: int, process: Any | None = None) -> dict[str, Any]:
    """Look every 5 ms until the process has ended: 'samples' of (CLOCK_MONOTONIC, role -> state -> threads).

    Roles: 'main' and 'thread' of the process, 'child' for all threads of its children. 'refused' says why there is
    nothing, where the kernel does not allow it.
    """
    calls = _CALLS.get(platform.machine())
    if calls is None:
        return {"samples": [], "refused": "numbers of system calls are not known for " + platform.machine()}
    samples: list[tuple[float, dict[str, dict[str, int]]]] = []
    refused = None
    while (process is None or process.poll() is None) and Path("/proc", str(pid)).exists():
        seen: dict[str, Counter[str]] = {}
        now_s = time.monotonic()
        try:
            for role, text in _read_all(pid):
                seen.setdefault(role, Counter())[_state_of(text, calls)] += 1
        except PermissionError as error:
            refused = "the kernel does not let it be read: " + str(error.strerror)
            break
        samples.append((now_s, {role: dict(counts) for role, counts in seen.items()}))
        time.sleep(INTERVAL_S)
    return {"samples": samples, "refused": refused}


def _read_all(pid: int) -> Iterator[tuple[str, str]]:
    """The role of each thread and what the kernel says of it; those that end meanwhile are left out."""
    for task in _entries(Path("/proc", str(pid), "task")):
        text = _read(task / "syscall")
        if text:
            yield ("main" if task.name == str(pid) else "thread"), text
        for child in _read(task / "children").split():
            for own in _entries(Path("/proc", child, "task")):
                text = _read(own / "syscall")
                if text:
                    yield "child", text


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _state_of(text: str, calls: dict[int, str]) -> str:
    """'running', 'poll', 'futex:0x7f...', 'futex:0x7f...:timed', 'call 17'; what sleeps outside of calls: 'call -1'."""
    fields = text.split()
    if fields[0] == RUNNING:
        return RUNNING
    name = calls.get(int(fields[0]), "call " + fields[0])
    if name != FUTEX:
        return name
    timed = int(fields[_TIME_LIMIT], 16) != 0
    return ":".join((FUTEX, fields[1], TIMED) if timed else (FUTEX, fields[1]))


if __name__ == "__main__":
    sys.exit(main())
