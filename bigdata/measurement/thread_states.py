"""Thread states of another process, sampled through /proc: ``python -m bigdata.measurement.thread_states``.

The kernel says of each thread whether it runs (or would, had it a core) or in which system call it sleeps
(``/proc/PID/task/TID/syscall``, proc(5)), and how long it has run and waited for a core (``schedstat`` beside that, see
Documentation/scheduler/sched-stats.rst). Reading that stops nobody, unlike a look at stacks. The kernel lets a parent
read it, or who may trace the process. Linux on x86-64 and arm64 only.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterator

INTERVAL_S = 0.01
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
    """Sample a command or a process until it ends, write the samples and return the command's exit code."""
    parser = argparse.ArgumentParser(prog="python -m bigdata.measurement.thread_states", description=__doc__)
    parser.add_argument("--output", metavar="FILE|-", required=True, help="where the one JSON object goes")
    parser.add_argument("--pid", type=int, metavar="N", help="sample this process instead of a command")
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
    """Return 'samples', one every 10 ms until the process ends: (CLOCK_MONOTONIC, role -> state -> threads).

    Roles: 'main' and 'thread' of the process, 'child' for the main threads of its children, 'helper' for their others.
    Beside the states 'run_s' and 'ready_s' are how long all threads of the role, those that have ended too, have run
    and waited for a core. 'refused' says why there is nothing, where the kernel does not allow it.
    """
    calls = _CALLS.get(platform.machine())
    if calls is None:
        return {"samples": [], "refused": "numbers of system calls are not known for " + platform.machine()}
    samples: list[tuple[float, dict[str, dict[str, float]]]] = []
    times: dict[str, dict[str, tuple[float, float]]] = {}
    while (process is None or process.poll() is None) and Path("/proc", str(pid)).exists():
        now_s = time.monotonic()
        try:
            samples.append((now_s, _look(pid, calls, times)))
        except PermissionError as error:
            return {"samples": [], "refused": "the kernel does not let it be read: " + str(error.strerror)}
        time.sleep(INTERVAL_S)
    return {"samples": samples, "refused": None}


def _look(
    pid: int, calls: dict[int, str], times: dict[str, dict[str, tuple[float, float]]]
) -> dict[str, dict[str, float]]:
    """Return the current states of each role; ``times`` keeps run and waiting time of each thread by role."""
    seen: dict[str, dict[str, float]] = {}
    tasks = list(_find_tasks(pid))
    # First of all threads what changes fast.
    for role, task in tasks:
        text = _read(task / "syscall")
        if text:
            state = _state_of(text, calls)
            counts = seen.setdefault(role, {})
            counts[state] = counts.get(state, 0) + 1
    for role, task in tasks:
        fields = _read(task / "schedstat").split()
        if len(fields) > 1:
            times.setdefault(role, {})[task.name] = (int(fields[0]) / 1e9, int(fields[1]) / 1e9)
    for role, counts in seen.items():
        of_role = times.get(role, {}).values()
        counts["run_s"], counts["ready_s"] = (round(sum(one[index] for one in of_role), 6) for index in (0, 1))
    return seen


def _find_tasks(pid: int) -> Iterator[tuple[str, Path]]:
    """Yield the role and folder of each thread; only children of the first process count."""
    for task in _entries(Path("/proc", str(pid), "task")):
        yield ("main" if task.name == str(pid) else "thread"), task
        for child in _read(task / "children").split():
            for own in _entries(Path("/proc", child, "task")):
                yield ("child" if own.name == child else "helper"), own


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
    """Return 'running', 'poll', 'futex:0x7f...', 'futex:0x7f...:timed', 'call 17', or 'call -1' outside of calls."""
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
