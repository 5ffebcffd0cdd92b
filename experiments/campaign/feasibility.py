"""Plans that cannot work: too few connections, or more files, processes or memory than this machine has."""

import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.engines.protocol import Engine
from experiments.matrix.known_settings import settings_of
from experiments.matrix.packages import Packages, find_problem, packages_of
from experiments.matrix.plan import Plan
from experiments.matrix.records import find_idle
from experiments.matrix.settings import setting_name
from experiments.matrix.spec import Matrix, PostgresConfiguration
from experiments.matrix.values import SPARE_CONNECTIONS
from experiments.matrix.yaml_document import Finding

# Files of a loader besides its connections: its libraries, its program and its pipes.
_OTHER_FILES = 100
_KERNEL = Path("/proc/sys/kernel")


def find_impossible(plan: Plan, matrix: Matrix, engines: Mapping[str, Engine]) -> Iterator[Finding]:
    """Yield what keeps the plan from working, by its place in matrix.yaml."""
    pools: dict[str, int] = {}
    for planned in plan.runnable:
        pools[planned.cell.postgres] = max(pools.get(planned.cell.postgres, 0), planned.cell.poolsize)
    for name, pool in pools.items():
        yield from _check_connections(name, matrix.postgres[name], pool + SPARE_CONNECTIONS)
    yield from _check_records(plan, matrix)
    for name in dict.fromkeys(planned.cell.packages for planned in plan.runnable):
        yield from _check_packages(name, packages_of(matrix.packages, name))
    # Each engine asks the system for its cores, and a plan may have 100,000 cells.
    engines_here = {name for name, engine in engines.items() if engine.cores().here}
    here = [planned for planned in plan.runnable if planned.cell.engine in engines_here]
    if not here:
        return
    largest = max(here, key=lambda planned: planned.cell.poolsize)
    if (reason := _excess_of(largest.cell.poolsize)) is not None:
        yield Finding(("experiments", largest.experiments[0]), f"a pool of {largest.cell.poolsize:,} {reason}")
    for name in dict.fromkeys(planned.cell.postgres for planned in here):
        yield from _check_memory(name, matrix.postgres[name])


def _check_records(plan: Plan, matrix: Matrix) -> Iterator[Finding]:
    """Yield data sets that leave workers without a record, as far as that is known without the files."""
    for planned in plan.runnable:
        data = matrix.data[planned.cell.data]
        if data.source != "directory" and isinstance(data.records, int):
            excess = find_idle(planned.cell, data.records * len(data.segments))
            if excess is not None:
                yield Finding(("data", planned.cell.data, "records"), excess)


def _check_packages(name: str, packages: Packages) -> Iterator[Finding]:
    for distribution, text in packages:
        if (problem := find_problem(distribution, text)) is not None:
            yield Finding(("packages", name, distribution), problem)


def _check_connections(name: str, configuration: PostgresConfiguration, needed: int) -> Iterator[Finding]:
    for setting, amount in _amounts(configuration, "max_connections"):
        if amount < needed:
            text = f"is too small for this plan: write {needed:,} or more, or remove it"
            yield Finding(("postgres", name, "settings", setting), text)


def _check_memory(name: str, configuration: PostgresConfiguration) -> Iterator[Finding]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for setting, blocks in _amounts(configuration, "shared_buffers"):
        if blocks * 8192 >= memory:
            text = f"is more than the memory of this machine ({memory / 1024**3:.1f} GB): write less"
            yield Finding(("postgres", name, "settings", setting), text)


def _amounts(configuration: PostgresConfiguration, wanted: str) -> Iterator[tuple[str, float]]:
    """Yield the settings that PostgreSQL reads as this one, each with its value in the setting's own unit."""
    known = settings_of(configuration.version).get(wanted)
    for setting, text in configuration.settings.items():
        amount = known.amount(text) if known is not None and setting_name(setting) == wanted else None
        if amount is not None:
            yield setting, amount


def _excess_of(pool: int) -> str | None:
    """Return what a loader and its server with so many connections have not enough of on this machine, or None."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and pool + _OTHER_FILES > files:
        return f"needs more open files than a process may have here ({files:,}): raise ulimit -n, or use a smaller pool"
    # A thread or process on either side of each connection.
    for name in ("pid_max", "threads-max"):
        try:
            most = int((_KERNEL / name).read_text())
        except (OSError, ValueError):
            continue
        if 2 * pool > most:
            return f"needs more processes than this machine may have (kernel.{name} is {most:,}): use a smaller pool"
    return None
