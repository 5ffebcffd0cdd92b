"""Cores of loader and server, from a named resources entry and this process's affinity."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from experiments.cpuset import REST, format_cpuset, parse_cpuset
from experiments.errors import Unsupported
from experiments.matrix.spec import Resources
from experiments.records.facts import Placement

_CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Cores:
    """Cores of a machine, with known hyperthreads; ``pinning``: processes can be confined; ``here``: the harness's.

    ``server`` are those of another machine, on which the server runs.
    """

    allowed: frozenset[int]
    siblings: Mapping[int, frozenset[int]]
    pinning: bool = True
    here: bool = True
    server: "Cores | None" = None


def can_pin() -> bool:
    """Return whether this system can confine a process to cores. macOS cannot."""
    return hasattr(os, "sched_setaffinity")


def allowed_cpus() -> frozenset[int]:
    """Return the cores that this process may use: its affinity mask, else all cores."""
    if can_pin():
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def cores_here() -> Cores:
    """Return the cores of this machine that this process may use."""
    return Cores(allowed_cpus(), siblings(), can_pin())


def siblings(root: Path = _CPUS) -> dict[int, frozenset[int]]:
    """Return the hyperthreads of each cpu's core, itself included (kernel: cputopology.rst); none if not told."""
    found: dict[int, frozenset[int]] = {}
    for path in root.glob("cpu[0-9]*/topology/thread_siblings_list"):
        number = path.parent.parent.name.removeprefix("cpu")
        found[int(number)] = parse_cpuset(path.read_text())
    return found


def place(resources: Resources, cores: Cores) -> Placement:
    """Turn a named resources entry into cores of a machine and limits.

    Numbers of a cpuset count within the allowed cores: 0 is the first core that may be used. ``rest`` is what the other
    side and the hyperthreads of its cores leave. With a single core both sides share it, and the note says so; so it is
    without pinning. On two machines each side gets the cores that it would get if both sides were on its own.
    Raises Unsupported: a number is not there, or nothing is left for ``rest``.
    """
    asked = resources.loader_cpuset, resources.server_cpuset
    loader, server, note = _divide(asked, cores)
    if cores.server is not None:
        _, server, note = _divide(asked, cores.server)
    if (resources.loader_neighbours or resources.server_neighbours) and not cores.here:
        raise Unsupported("neighbours run on the machine of the harness, and the engine is on another one")
    memory = resources.loader_memory, resources.server_memory
    neighbours = resources.loader_neighbours, resources.server_neighbours
    return Placement(loader, server, resources.loader_cpus, note, resources.server_cpus, *memory, *neighbours)


def _divide(asked: tuple[str | None, str | None], cores: Cores) -> tuple[frozenset[int], frozenset[int], str | None]:
    """Divide the cores between loader and server; return deviations from the request, too."""
    allowed = cores.allowed
    if asked == (None, None):
        return allowed, allowed, None
    if not cores.pinning:
        return allowed, allowed, "this system cannot confine processes to cores: loader and server share them"
    named = [_take(text, allowed) for text in asked if text != REST]
    if len(named) == len(asked):
        return named[0], named[1], None
    if len({min(cores.siblings.get(cpu, {cpu})) for cpu in allowed}) == 1:
        return allowed, allowed, "there is only one core: loader and server share it"
    rest = _rest(named[0], allowed, cores.siblings)
    return (rest, named[0], None) if asked[0] == REST else (named[0], rest, None)


def _take(text: str | None, allowed: frozenset[int]) -> frozenset[int]:
    if text is None:
        return allowed
    numbers = parse_cpuset(text)
    missing = [number for number in numbers if number >= len(allowed)]
    if missing:
        raise Unsupported(
            f"cpuset '{text}' names core {min(missing)}, but this process may use {len(allowed)} cores: "
            f"0 to {len(allowed) - 1}"
        )
    in_order = sorted(allowed)
    return frozenset(in_order[number] for number in numbers)


def _rest(taken: frozenset[int], allowed: frozenset[int], siblings: Mapping[int, frozenset[int]]) -> frozenset[int]:
    busy = taken.union(*(siblings.get(cpu, frozenset()) for cpu in taken))
    if allowed <= busy:
        raise Unsupported(
            f"no core is left for 'rest': the other side and its hyperthreads take all {len(allowed)} cores "
            f"({format_cpuset(allowed)}); give it fewer"
        )
    return allowed - busy


@contextmanager
def confined(cpus: frozenset[int] | None) -> Iterator[None]:
    """Confine the calling thread, and what it starts meanwhile, to these cores (None: no limit)."""
    if cpus is None:
        yield
        return
    # 0 is the calling thread, not the whole process.
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
