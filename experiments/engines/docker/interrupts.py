"""Interruptible waits for Docker events and for inter-process locks."""

import fcntl
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from experiments.errors import Failure

_LOOK_S = 0.1

Event = dict[str, Any]
"""A line of what the engine says while it builds or pulls."""


def listen(ask: Callable[[], Iterable[Event]], stop: threading.Event, doing: str) -> Iterator[Event]:
    """Yield the events after ``ask``; raise what it raises, or Failure, 'DOING: stopped', once ``stop`` is set."""
    heard: queue.SimpleQueue[Event | Exception | None] = queue.SimpleQueue()
    # It may say nothing for a minute, and reading cannot be interrupted: nobody waits for this thread.
    threading.Thread(target=_read, args=(ask, stop, heard), daemon=True).start()
    while True:
        if stop.is_set():
            raise Failure(f"{doing}: stopped")
        try:
            event = heard.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if event is None:
            return
        if isinstance(event, Exception):
            raise event
        yield event


def wait_for_turn(file: IO[str], stop: threading.Event, doing: str) -> None:
    """Lock the file until it is closed, once no other process has it locked. Raises Failure when ``stop`` is set."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if stop.wait(_LOOK_S):
                raise Failure(f"{doing}: stopped while another process was at it") from None
        else:
            return


def _read(
    ask: Callable[[], Iterable[Event]], stop: threading.Event, heard: queue.SimpleQueue[Event | Exception | None]
) -> None:
    try:
        for event in ask():
            # Leaving closes the connection, and with it ends what the engine is at.
            if stop.is_set():
                return
            heard.put(event)
    except Exception as error:
        heard.put(error)
    else:
        heard.put(None)
