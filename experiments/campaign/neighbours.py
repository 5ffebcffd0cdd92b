"""Busy neighbours of a run: processes that do nothing but compute, on the cores of one side."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType

from experiments.records.facts import Placement

# It looks every few milliseconds whether the harness is still there.
_SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    for _ in range(100_000): pass"


class Neighbours:
    """The busy neighbours of a placement, while it is entered. They are no foreign load: leaving it awaits them."""

    def __init__(self, placement: Placement) -> None:
        self._cpus = [placement.loader_cpus] * placement.loader_neighbours
        self._cpus += [placement.server_cpus] * placement.server_neighbours
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Neighbours:
        try:
            for cpus in self._cpus:
                self._start(cpus)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def _start(self, cpus: frozenset[int]) -> None:
        command = [sys.executable, "-S", "-E", "-c", _SPIN, str(os.getpid())]
        nothing = subprocess.DEVNULL
        # Ctrl-C in the terminal is for the harness, which ends it.
        process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
        self._processes.append(process)
        os.sched_setaffinity(process.pid, cpus)

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        self._processes.clear()
