"""Usable cores of each side of a run: all of them, less by a quota, an event loop or a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bigdata.registry import LOADERS
from experiments.analysis.stats import median_of_known
from experiments.records.facts import Placement
from experiments.records.record import Cell, Record


@dataclass(frozen=True)
class Setup:
    """The cores of a run. ``client_cores`` are those that the loader can use at once: one, under a lock or a loop.

    Quotas are CPU time per time, in cores; None is no limit. ``outer_quota`` is one around the run, of a pod say, which
    both sides and whatever else is there share. ``shared_cores`` are all of both sides if they have some
    in common, else 0. ``at_least``: threads under a lock may use more than ``client_cores``, as they compute outside
    of it, too.
    """

    client_cores: int = 1
    server_cores: int = 1
    client_quota: float | None = None
    server_quota: float | None = None
    outer_quota: float | None = None
    shared_cores: int = 0
    run_cores: int = 2
    at_least: bool = False
    neighbours: tuple[str, ...] = ()
    """The sides ('client', 'server') that share their cores with busy neighbours."""

    @property
    def shared(self) -> bool:
        """Return whether both sides use the same cores, or some of them."""
        return self.shared_cores > 0

    @property
    def client_limit(self) -> float:
        """Return the most CPU time per time that the client can get, in cores."""
        return min(self.client_cores, self.client_quota or self.client_cores)

    @property
    def server_limit(self) -> float:
        """Return the most CPU time per time that the server can get, in cores."""
        return min(self.server_cores, self.server_quota or self.server_cores)

    @property
    def run_limit(self) -> float:
        """Return the most CPU time per time that both sides can get together, in cores."""
        return min(self.run_cores, self.outer_quota or self.run_cores)


def find_setup(placement: Placement, *, several_cores: bool) -> Setup:
    """Read the cores of a placement, for a loader that can use several cores, or one."""
    loader, server = placement.loader_cpus, placement.server_cpus
    return Setup(
        client_cores=len(loader) if several_cores else 1,
        server_cores=len(server),
        client_quota=placement.loader_quota,
        server_quota=placement.server_quota,
        shared_cores=len(loader | server) if loader & server else 0,
        run_cores=len(loader | server),
        neighbours=("client",) * (placement.loader_neighbours > 0) + ("server",) * (placement.server_neighbours > 0),
    )


def count_cores(placement: Placement) -> int:
    """Count the cores of the run, both sides together."""
    return len(placement.cpus)


def uses_several_cores(cell: Cell, runs: Sequence[Record]) -> bool:
    """Return whether the loader can use several cores: processes, or threads of which none has a GIL."""
    return _runtime(cell) == "processes" or (_runtime(cell) == "threads" and not _have_lock(runs))


def has_one_thread(cell: Cell) -> bool:
    """Return whether all of the loader's work is done by one thread: an event loop, or one connection."""
    return _runtime(cell) in ("tasks", "greenlets", "serial") or (_runtime(cell) == "threads" and cell.poolsize == 1)


def shares_lock(cell: Cell, runs: Sequence[Record], placement: Placement) -> bool:
    """Return whether one core is only the least that the loader can use.

    Several threads under a lock (GIL) can, as drivers in C and the kernel compute without the lock.
    """
    most = min(len(placement.loader_cpus), placement.loader_quota or float("inf"))
    return _runtime(cell) == "threads" and cell.poolsize > 1 and _have_lock(runs) and most > 1


def _runtime(cell: Cell) -> str:
    loader = LOADERS.get(cell.loader)
    return loader.runtime if loader else ""


def _have_lock(runs: Sequence[Record]) -> bool:
    """Return whether a run may have a lock: those of before free-threaded builds say nothing."""
    return not runs or any(run.client is None or run.client.gil_enabled for run in runs)


def client_share(cell: Cell, runs: Sequence[Record], placement: Placement | None) -> float | None:
    """Return the part of its cores that the client used; of one core where nobody knows how many it had."""
    setup = Setup() if placement is None else find_setup(placement, several_cores=uses_several_cores(cell, runs))
    data = [record.phases["data"] for record in runs if record.phases]
    return median_of_known((one.user_s + one.system_s) / one.wall_s / setup.client_limit for one in data)
