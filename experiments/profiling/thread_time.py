"""Time of a loader's workers, from samples of their threads in the kernel (``bigdata.measurement.thread_states``).

A thread that waits for the GIL sleeps at its condition variable with a time limit (the switch interval, ``take_gil`` in
CPython's ceval_gil.c), or at the mutex beside it; no other wait of a worker has a time limit. So an address with timed
waits, and those close to it, are the GIL's. py-spy's native stacks were tried first: the libraries of wheels have no
symbols, so it could name the wait of none of 1,900 stacks of psycopg2.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RUNNING = "running"
READY = "ready"
GIL = "gil"
SERVER = "server"
LOCK = "lock"
ELSE = "else"

ROLES = {"threads": "thread", "processes": "child"}
"""Role of the workers' threads by runtime; in all others the main thread does everything."""

_MAIN = "main"
_TIMES = ("run_s", "ready_s")
_FEWEST = 10
# CPython's struct of the GIL, with two mutexes and two condition variables, has fewer bytes.
_NEAR_BYTES = 256
_WAITS = {"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait"}
_WAITS |= {"recvfrom", "sendto", "read", "write"}


@dataclass(frozen=True)
class ThreadTime:
    """Shares of the workers' time, which add up to 1, with the number of samples and workers.

    'running' on a core and 'ready' without one are the kernel's account; the rest is divided by the samples. Asleep
    are 'gil' (missing without a GIL), 'server' in a call that waits for a connection (in a loop: for any), 'lock' at
    another lock, and 'else'.
    """

    shares: Mapping[str, float]
    samples: int
    workers: int


def find_thread_time(sampled: Mapping[str, Any], runtime: str, phase: tuple[float, float], *, gil: bool) -> ThreadTime:
    """Return the workers' time in a phase, given by its start and end (CLOCK_MONOTONIC).

    ``gil``: the interpreter had one. Raises ValueError with the reason if there is no result.
    """
    if sampled.get("refused"):
        raise ValueError(str(sampled["refused"]))
    role = ROLES.get(runtime, _MAIN)
    within = [
        (at_s, roles[role]) for at_s, roles in sampled["samples"] if phase[0] <= at_s <= phase[1] and role in roles
    ]
    if len(within) < _FEWEST:
        raise ValueError("too few samples: the phase was too short")
    states: Counter[str] = Counter()
    for _, counts in within:
        states.update({state: int(number) for state, number in counts.items() if state not in _TIMES})
    workers = max(sum(int(counts[state]) for state in counts if state not in _TIMES) for _, counts in within)
    awake = _find_awake(within, workers)
    asleep = _find_asleep(states, gil=gil)
    left = max(0.0, 1 - sum(awake.values()))
    return ThreadTime({**awake, **{name: value * left for name, value in asleep.items()}}, len(within), workers)


def _find_awake(within: Sequence[tuple[float, Mapping[str, float]]], workers: int) -> dict[str, float]:
    """Return the shares awake, from the first sample to the last; the sums include threads that have ended."""
    (first_s, before), (last_s, after) = within[0], within[-1]
    time_s = (last_s - first_s) * workers
    return {
        name: max(0.0, after[counted] - before[counted]) / time_s
        for name, counted in zip((RUNNING, READY), _TIMES, strict=True)
    }


def _find_asleep(states: Mapping[str, int], *, gil: bool) -> dict[str, float]:
    """Return the parts of the time asleep."""
    near = _find_gil(states) if gil else ()
    kinds: Counter[str] = Counter()
    for state, number in states.items():
        if state != RUNNING:
            kinds[_kind_of(state, near)] += number
    total = sum(kinds.values())
    names = (GIL, SERVER, LOCK, ELSE) if gil else (SERVER, LOCK, ELSE)
    return {name: kinds[name] / total if total else 0.0 for name in names}


def _find_gil(states: Iterable[str]) -> Sequence[int]:
    return [int(state.split(":")[1], 16) for state in states if state.startswith("futex:") and state.endswith(":timed")]


def _kind_of(state: str, gil: Sequence[int]) -> str:
    if state.startswith("futex:"):
        address = int(state.split(":")[1], 16)
        return GIL if any(abs(address - one) < _NEAR_BYTES for one in gil) else LOCK
    return SERVER if state in _WAITS else ELSE
