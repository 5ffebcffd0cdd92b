"""Getting a core at once: for the sampler, which else sees the connections of a busy core only when they rest.

Since 6.6 Linux (EEVDF, RUN_TO_PARITY) lets who runs go on when another process wakes up. A sampler and its backend on
the server's one core had that core when the connections had nothing to do, and saw just that: a connection that was
active for 22% of the time, by the server's own account (``active_time`` of pg_stat_database), was seen so 7% of the
time. Since 6.12 who wakes up with a shorter time slice takes the core (sched_setattr(2)): then it was 25%.

Not SCHED_FIFO, which was tried: PostgreSQL reads pg_stat_activity again until nobody is in the midst of writing there,
and who was interrupted in it by a process that nobody may interrupt cannot go on. Of 3,000 looks at 20 connections two
held the core for a second each, until the kernel intervened; with a short slice the longest took 29 ms.
"""

from __future__ import annotations

import ctypes
import platform
import re
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Literal

from experiments.engines.postgres import HOST, USER
from experiments.engines.processes import identity, tree

Scheduling = Literal["slice"]
"""How processes were made prompt: by a short time slice."""

SLICE_NS = 100_000
"""The shortest time slice that Linux has."""

PATIENCE_S = 2.0
"""How long to wait for a backend: its client may still be starting up."""

_POLL_S = 0.02
_PROC = Path("/proc")

# sched_setattr(2) and sched_getattr(2), which older C libraries have no functions for.
_NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}

_SCHED_OTHER = 0
_FLAG_RESET_ON_FORK = 0x01

# PostgreSQL's title of a backend: its user, database and client; in front of them the server's name, where it has one.
_BACKEND = re.compile(rf"postgres: (\S+: )?{USER} postgres {re.escape(HOST)}\(\d+\)")


@dataclass(frozen=True)
class _Attributes:
    """struct sched_attr as it first was. ``runtime_ns`` of SCHED_OTHER is its slice, which before 6.12 reads as 0."""

    size: int
    policy: int
    flags: int
    nice: int
    priority: int
    runtime_ns: int
    deadline_ns: int
    period_ns: int


_FORMAT = "=IIQiIQQQ"


def make_prompt(pids: Sequence[int]) -> Scheduling | None:
    """Have each of these processes, of one thread each, run as soon as it wakes up; None where that cannot be had.

    Those of one's own user may be given it, all others by root or who has CAP_SYS_NICE. Nothing that they start
    inherits it.
    """
    if not pids or sys.platform != "linux" or platform.machine() not in _NUMBERS:
        return None
    return "slice" if all(_give_slice(pid) for pid in pids) else None


def find_sampler(sampler: int | None, postmaster: int | None, patience_s: float = PATIENCE_S) -> tuple[int, ...]:
    """The sampler's process and its backend, which is awaited; none where they do not come, or are not known here."""
    if sampler is None or postmaster is None or sys.platform != "linux":
        return ()
    deadline_s = time.monotonic() + patience_s
    while identity(sampler) is not None:
        backends = [pid for pid in tree(postmaster)[1:] if _BACKEND.match(_arguments(pid)[0])]
        # Who has this number on another machine is not the sampler: so it is looked at, too.
        if backends and "sample" in _arguments(sampler):
            return (sampler, *backends)
        if time.monotonic() > deadline_s:
            break
        time.sleep(_POLL_S)
    return ()


def _give_slice(pid: int) -> bool:
    """Whether it has it: an older Linux takes the call and does nothing, so it is asked afterwards."""
    found = _read(pid)
    if found is None or found.policy != _SCHED_OTHER:
        return False
    wanted = replace(found, flags=_FLAG_RESET_ON_FORK, runtime_ns=SLICE_NS)
    set_number, _ = _NUMBERS[platform.machine()]
    if _call(set_number, pid, struct.pack(_FORMAT, *astuple(wanted)), 0) != 0:
        return False
    now = _read(pid)
    return now is not None and now.runtime_ns == SLICE_NS


def _read(pid: int) -> _Attributes | None:
    """What the kernel says of a process; None where it says nothing."""
    buffer = ctypes.create_string_buffer(struct.calcsize(_FORMAT))
    _, get_number = _NUMBERS[platform.machine()]
    if _call(get_number, pid, buffer, len(buffer), 0) != 0:
        return None
    return _Attributes(*struct.unpack(_FORMAT, buffer.raw))


def _call(number: int, pid: int, attributes: ctypes.Array[ctypes.c_char] | bytes, *rest: int) -> int:
    numbers = [ctypes.c_long(one) for one in (number, pid, *rest)]
    return int(ctypes.CDLL(None).syscall(*numbers[:2], attributes, *numbers[2:]))


def _arguments(pid: int) -> list[str]:
    """The command line of a process, or the title that it has given itself; [''] where nobody has this number."""
    try:
        text = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return [""]
    return [part.decode(errors="replace") for part in text.split(b"\0")]
