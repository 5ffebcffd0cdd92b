"""Short scheduler time slices, so that the sampler also observes connections while the server core is busy.

Since 6.6 Linux (EEVDF, RUN_TO_PARITY) lets a running process go on when another wakes up. A sampler and its backend on
the server's only core got it when the connections were idle: one that was active for 22% of the time, by the server's
own account (``active_time`` of pg_stat_database), was sampled as active 7% of the time. Since 6.12 a process that wakes
up with a shorter time slice preempts (sched_setattr(2)): then it was 25%.

SCHED_FIFO was tried and rejected: PostgreSQL rereads pg_stat_activity until nobody is in the midst of writing there,
and a writer preempted by a real-time process cannot go on. Of 3,000 samples of 20 connections two held the core for a
second each, until the kernel intervened; with a short slice the longest took 29 ms.
"""

import ctypes
import platform
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Literal

from experiments.engines.postgres import backend_title
from experiments.engines.processes import arguments, identity, tree

Scheduling = Literal["slice"]
"""Way in which the sampler got a core: by a short time slice."""

SLICE_NS = 100_000
"""The shortest time slice of Linux."""

BACKEND_TIMEOUT_S = 2.0
"""Time limit for a backend to appear: its client may still be starting up."""

_POLL_S = 0.02

# sched_setattr(2) and sched_getattr(2), which older C libraries have no functions for.
_NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}

_SCHED_OTHER = 0
_FLAG_RESET_ON_FORK = 0x01

_BACKEND = backend_title("postgres")


@dataclass(frozen=True)
class _Attributes:
    """struct sched_attr, first version. ``runtime_ns`` of SCHED_OTHER is its slice, which reads as 0 before 6.12."""

    size: int
    policy: int
    flags: int
    nice: int
    priority: int
    runtime_ns: int
    deadline_ns: int
    period_ns: int


_FORMAT = "=IIQiIQQQ"


def shorten_time_slices(pids: Sequence[int]) -> Scheduling | None:
    """Shorten these processes' time slices; None where that fails, as for other users' without CAP_SYS_NICE."""
    if not pids or sys.platform != "linux" or platform.machine() not in _NUMBERS:
        return None
    return "slice" if all(_give_slice(pid) for pid in pids) else None


def find_sampler(sampler: int | None, postmaster: int | None, timeout_s: float = BACKEND_TIMEOUT_S) -> tuple[int, ...]:
    """Await the sampler's backend; return its and the sampler's process ids, or none if they do not appear here."""
    if sampler is None or postmaster is None or sys.platform != "linux":
        return ()
    deadline_s = time.monotonic() + timeout_s
    while identity(sampler) is not None:
        backends = [pid for pid in tree(postmaster)[1:] if _BACKEND.match("".join(arguments(pid)[:1]))]
        # On another machine another process may have this id.
        if backends and "sample" in arguments(sampler):
            return (sampler, *backends)
        if time.monotonic() > deadline_s:
            break
        time.sleep(_POLL_S)
    return ()


def _give_slice(pid: int) -> bool:
    """Give a process the shortest slice, and check that it has it: older kernels ignore the call."""
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
    """Return the scheduling attributes of a process; None where the kernel does not tell them."""
    buffer = ctypes.create_string_buffer(struct.calcsize(_FORMAT))
    _, get_number = _NUMBERS[platform.machine()]
    if _call(get_number, pid, buffer, len(buffer), 0) != 0:
        return None
    return _Attributes(*struct.unpack(_FORMAT, buffer.raw))


def _call(number: int, pid: int, attributes: ctypes.Array[ctypes.c_char] | bytes, *rest: int) -> int:
    numbers = [ctypes.c_long(one) for one in (number, pid, *rest)]
    return int(ctypes.CDLL(None).syscall(*numbers[:2], attributes, *numbers[2:]))
