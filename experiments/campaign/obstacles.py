"""Reasons why cells cannot run that are known before anything is prepared."""

from collections.abc import Mapping
from functools import cache

from bigdata.registry import LOADERS
from experiments.campaign.cell_engines import CellEngines
from experiments.engines.protocol import Engine
from experiments.environment.affinity import place
from experiments.environment.requirements import left_out, loader_lock
from experiments.errors import Unsupported
from experiments.matrix.cell import Cell
from experiments.matrix.packages import needed_by
from experiments.matrix.plan import Plan
from experiments.matrix.spec import Matrix


def find_obstacles(plan: Plan, matrix: Matrix, engines: Mapping[str, Engine]) -> dict[Cell, str]:
    """Return why cells cannot run, as far as that is known before preparation: interpreters, locks, cores."""
    missing = cache(lambda python: left_out(loader_lock(python)))
    of_cells, opened = CellEngines(matrix, engines), dict[str, Engine]()

    @cache
    def without_python(name: str, python: str) -> str | None:
        pythons = opened[name].pythons()
        found = f"the engine {name} has no Python {python} here; it has: {', '.join(pythons)}"
        return None if python in pythons else found

    @cache
    def misplaced(name: str, resources: str) -> str | None:
        try:
            opened[name].check_placement(place(matrix.resources[resources], opened[name].cores()))
        except Unsupported as obstacle:
            return str(obstacle)
        return None

    def find(cell: Cell) -> str | None:
        name = of_cells.name(cell)
        try:
            opened.setdefault(name, of_cells.of(cell))
        except Unsupported as obstacle:
            return str(obstacle)
        no_python = without_python(name, cell.python)
        named = matrix.packages.get(cell.packages, {})
        lacks = {name: why for name, why in missing(cell.python).items() if name not in named}
        return no_python or find_left_out(cell, lacks) or misplaced(name, cell.resources)

    found = {planned.cell: find(planned.cell) for planned in plan.runnable}
    return {cell: reason for cell, reason in found.items() if reason is not None}


def find_left_out(cell: Cell, missing: Mapping[str, str]) -> str | None:
    """Return why a lock that leaves these packages out keeps a cell from running, or None."""
    loader = LOADERS[cell.loader].with_checkout(cell.checkout)
    needed = needed_by(loader, cell.loop, cell.implementation)
    found = next((name for name in needed if name in missing), None)
    return None if found is None else f"no {found} for Python {cell.python}: {missing[found]}"
