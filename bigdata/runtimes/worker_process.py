"""Child process as seen by its parent: fork, messages, and certain end."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Callable, Sequence

from bigdata.errors import BadInput, LoadFailed
from bigdata.measurement.measure import Usage
from bigdata.measurement.tally import Taken
from bigdata.runtimes.child import Done, Failed, Farewell, Ready
from bigdata.runtimes.feed import Feed
from bigdata.runtimes.job import STOP_SIGNALS

# What a child gets at once of records that were not read ahead: few, as near the end others would wait for it.
HAND_OUT_ROWS = 250

LOOK_AGAIN_AFTER_S = 0.01


class Lifeline:
    """A pipe that nobody writes to: when it closes, also because the parent was killed, the children stop."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()
        self._cutting = threading.Lock()
        self._whole = True

    def cut(self) -> None:
        """Stop all children; further calls do nothing."""
        with self._cutting:
            if self._whole:
                self._whole = False
                os.close(self._writing)

    def close(self) -> None:
        """Cut the lifeline and close it."""
        self.cut()
        os.close(self.reading)

    def keep_reading(self) -> None:
        """Close the writing end in a child, which would keep the pipe open."""
        os.close(self._writing)


class WorkerProcess:
    """One child. All methods except ``fork`` wait for it, and raise LoadFailed if it has ended."""

    def __init__(self, number: int, pid: int, channel: Connection) -> None:
        self._number = number
        self._pid = pid
        self.channel = channel
        self._waiting = threading.Lock()
        self._status: int | None = None
        self.backend: int | None = None
        """Process ID of its backend, once it is connected."""
        self.used = Usage(0.0, 0.0, 0, 0)
        """Usage in its last phase."""
        self.taken: Taken | None = None
        """Tally of its last phase, if it keeps one."""
        self.farewell: Farewell | None = None

    @classmethod
    def fork(cls, number: int, before: Sequence[WorkerProcess], work: Callable[[Connection], None]) -> WorkerProcess:
        """Fork child ``number`` for this work; ``before`` are the children forked earlier.

        Raises OSError if the system has no room for it.
        """
        ours, theirs = Pipe()
        # Else one that comes before the child ignores them would make it fail by itself.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                _be_child([ours, *(worker.channel for worker in before)], mask, lambda: work(theirs))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return cls(number, pid, ours)

    def wait_until_connected(self) -> None:
        """Wait until the child is connected. Raises BadInput if it cannot connect."""
        self.backend = self._receive(Ready).backend

    def load(self, phase: str, feed: Feed) -> None:
        """Let the child load its part of the phase, and send it records when it has none left."""
        self._send(phase)
        message = self._receive(object)
        while not isinstance(message, Done):
            self._send(feed.some(HAND_OUT_ROWS))
            message = self._receive(object)
        self.used, self.taken = message.usage, message.taken

    def take_leave(self) -> None:
        """Let the child close its connection and end."""
        self._send(None)
        self.farewell = self._receive(Farewell)

    def kill(self) -> None:
        """Kill the child."""
        with self._waiting:
            if self._status is None:
                os.kill(self._pid, signal.SIGKILL)

    def end(self, deadline_s: float) -> None:
        """Wait for the child's end until the deadline, then kill it."""
        self.channel.close()
        while not self._has_ended(os.WNOHANG):
            if time.monotonic() > deadline_s:
                self.kill()
                self._has_ended(0)
            time.sleep(LOOK_AGAIN_AFTER_S)

    @property
    def was_killed(self) -> bool:
        """Return True if a signal has ended the child, so that nobody closed its connection."""
        return self._status is not None and os.WIFSIGNALED(self._status)

    def _has_ended(self, options: int) -> bool:
        with self._waiting:
            if self._status is None:
                pid, status = os.waitpid(self._pid, options)
                self._status = status if pid else None
            return self._status is not None

    def _send(self, message: Any) -> None:
        # Where it is broken it has something to say, or has ended: the next one to receive gets to know.
        with suppress(OSError):
            self.channel.send(message)

    def _receive(self, expected: Any) -> Any:
        try:
            message = self.channel.recv()
        except (EOFError, OSError):
            raise LoadFailed(f"worker {self._number} {self._last_words()}") from None
        if isinstance(message, Failed):
            raise BadInput(message.text) if message.bad_input else LoadFailed(message.text)
        assert isinstance(message, expected), message
        return message

    def _last_words(self) -> str:
        self._has_ended(0)
        status = self._status or 0
        if os.WIFSIGNALED(status):
            return f"was ended by signal {os.WTERMSIG(status)}"
        return f"has ended by itself, with exit code {os.WEXITSTATUS(status)}"


def _be_child(not_its_own: Sequence[Connection], mask: Any, work: Callable[[], None]) -> None:
    """Do the child's work and exit: the stack above belongs to the parent."""
    try:
        # Ctrl-C reaches every process of the terminal; it is the parent that stops them all.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for channel in not_its_own:
            channel.close()
        work()
    finally:
        os._exit(0)
