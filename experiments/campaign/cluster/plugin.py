"""The part of the harness in a Dask worker: it holds the machine's process, and passes on what that sends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from typing import Any

import dask
from distributed import Worker, WorkerPlugin, get_worker

from experiments.campaign.cluster.agreement import name_machine
from experiments.campaign.start import Order
from experiments.environment.hashes import PROJECT
from experiments.environment.image_lock import Asked
from experiments.errors import BadInput, Failure

_PROGRAM = "experiments.campaign.cluster.machine"
_CLEAN_UP_S = 30.0
_CANCELLED = ("executing", "released")


class MachinePlugin(WorkerPlugin):
    """One campaign's order on a machine. ``name`` is also that of the topic of its events, and begins its keys."""

    def __init__(self, name: str, order: Order, engines: Sequence[str], source: Asked) -> None:
        self.name = name
        self._asked = (order, tuple(engines), source)
        self._process: subprocess.Popen[bytes] | None = None
        self._described = ""

    def setup(self, worker: Worker) -> None:
        """Remember the worker that it is on."""
        self._worker = worker

    async def teardown(self, worker: Worker) -> None:
        """End the machine's process, with all that it has started."""
        self.stop()
        if self._process is not None:
            await asyncio.to_thread(_await_end, self._process)

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        """End the machine's process if nobody wants its block any more: the harness has ended, however it did."""
        if (start, finish) == _CANCELLED and str(key).startswith(self.name):
            self.stop()

    def stop(self) -> None:
        """Ask the machine's process to end."""
        if self._process is not None:
            self._process.terminate()

    def describe(self) -> str:
        """Prepare the machine; return its description of the campaign."""
        self._ensure_process(0, "")
        return self._described

    def run(self, block: int) -> str:
        """Measure a block, whose reports are sent as events; return the name of the attempt."""
        attempt = secrets.token_hex(4)
        self._ensure_process(block, attempt)
        self._link.send(block)
        self._pass_on(block, attempt, until="done")
        return attempt

    def _ensure_process(self, block: int, attempt: str) -> None:
        """Have a process that is prepared."""
        if self._process is not None:
            if self._process.poll() is None and not self._link.poll():
                return
            # It was idle for too long, or is just ending.
            _await_end(self._process)
        self._start()
        self._described = self._pass_on(block, attempt, until="described")

    def _start(self) -> None:
        self._link, other = Pipe()
        with other:
            # The worker's program may be no module of the checkout.
            command = [sys.executable, "-m", _PROGRAM, str(other.fileno()), str(os.getpid())]
            # What Dask sets for its workers would change how loaders and servers allocate memory.
            changed = dask.config.get("distributed.nanny.pre-spawn-environ")
            kept = {name: value for name, value in os.environ.items() if name not in changed}
            environment = {**kept, "PYTHONPATH": str(PROJECT)}
            self._process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, pass_fds=(other.fileno(),), stdin=subprocess.DEVNULL
            )
        self._link.send(self._asked)

    def _pass_on(self, block: int, attempt: str, *, until: str) -> str:
        """Send what the process reports to the harness; return the last text. Raises what has ended the process."""
        while True:
            try:
                kind, text = self._link.recv()
            except (EOFError, OSError):
                raise Failure(f"machine {name_machine()}: its process has ended") from None
            if kind in ("refused", "failed"):
                raise (BadInput if kind == "refused" else Failure)(f"machine {name_machine()}: {text}")
            if kind != "done":
                event = {"kind": kind, "text": text, "block": block, "attempt": attempt}
                self._worker.log_event(self.name, {**event, "machine": name_machine()})
            if kind == until:
                return str(text)


def _await_end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_CLEAN_UP_S)
    process.kill()
    process.wait()


def describe_on_worker(name: str) -> str:
    """Prepare the machine of this task's worker; return its description of the campaign."""
    return _plugin(name).describe()


def run_on_worker(name: str, block: int) -> str:
    """Measure a block on the machine of this task's worker."""
    return _plugin(name).run(block)


def _plugin(name: str) -> MachinePlugin:
    plugin = get_worker().plugins[name]
    assert isinstance(plugin, MachinePlugin)
    return plugin
