"""Expansion of the matrix into cells: resolve, collapse, merge, find obstacles, add the baseline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal, Protocol

from bigdata.registry import CHECKOUTS, INGEST, LOADERS, WORKLOADS, Loader
from experiments.errors import BadInput, suggest
from experiments.matrix.cell import INSERTS, TRANSACTIONS, AxisValue, Cell
from experiments.matrix.combinations import combine
from experiments.matrix.packages import DISTRIBUTIONS, LOCKED, Packages, name_sets, needed_by, packages_of
from experiments.matrix.selection import Selection, apply_selection
from experiments.matrix.spec import Matrix

Arm = Literal["a", "b"]


class Resolver(Protocol):
    """A resolver of values that only the machine knows."""

    def resolve_engine(self, value: str) -> str:
        """Return the engine's name for a value of the axis: that itself or, for 'auto', the one to use here."""

    def default_python(self, engine: str) -> str:
        """Return the newest Python for which the engine has an interpreter with a lock: '3.13'."""

    def default_implementation(self, python: str, packages: Packages) -> str:
        """Return what a driver with several implementations uses unless asked, as far as the Python has packages."""


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the campaign. A baseline is there twice, as arms ``a`` and ``b``; all others are arm ``a``."""

    cell: Cell
    arm: Arm
    experiments: tuple[str, ...]
    """The experiments that show it, in the order of the matrix."""
    unsupported: str | None = None
    """The reason why it cannot run: its row shows that, and it has no runs."""


def expand(matrix: Matrix, selection: Selection, resolver: Resolver) -> tuple[PlannedCell, ...]:
    """Return the cells that a selection leaves of a matrix, as it names them, an experiment's baseline first.

    Every experiment is given its baseline, also where ``only`` leaves it out, since its ratios need it. Equal cells of
    several experiments are one; if some experiment excludes what another one runs, it shows it too.
    Raises BadInput: the selection names what is not there, or leaves nothing.
    """
    chosen = apply_selection(matrix, selection)
    completion = _Completion(chosen, resolver)
    by_experiment = {name: _cells_of(chosen, name, completion) for name in chosen.experiments}
    if selection.only:
        _check_only(selection.only, [cell for cells in by_experiment.values() for cell in cells])
        left = {
            name: {cell: why for cell, why in cells.items() if matches(cell, selection.only)}
            for name, cells in by_experiment.items()
        }
        by_experiment = {name: cells for name, cells in left.items() if cells}
    _check_packages(matrix, selection, by_experiment.values())
    baselines = {
        name: completion.cell({**chosen.baseline, **chosen.experiments[name].baseline}) for name in by_experiment
    }
    return tuple(_enrol_again(_merge(_with_baselines(by_experiment, baselines)), baselines))


def _with_baselines(
    by_experiment: Mapping[str, Mapping[Cell, str | None]], baselines: Mapping[str, Cell]
) -> dict[str, dict[Cell, str | None]]:
    """Put each experiment's baseline in front of its cells."""
    complete = {}
    for name, cells in by_experiment.items():
        baseline = baselines[name]
        others = {cell: why for cell, why in cells.items() if cell != baseline}
        complete[name] = {baseline: find_obstacle(baseline), **others}
    return complete


def _enrol_again(planned: Iterable[PlannedCell], baselines: Mapping[str, Cell]) -> Iterator[PlannedCell]:
    """Repeat each baseline behind itself, for the experiments that compare with it."""
    for one in planned:
        yield one
        if comparing := tuple(name for name, baseline in baselines.items() if baseline == one.cell):
            yield replace(one, arm="b", experiments=comparing)


class _Completion:
    """The completion of values: defaults, resolution, and axes that do not apply."""

    def __init__(self, matrix: Matrix, resolver: Resolver) -> None:
        self._defaults = asdict(matrix.defaults)
        self._packages = {name: packages_of(matrix.packages, name) for name in (LOCKED, *matrix.packages)}
        # Each answer once: a matrix may have 100,000 cells.
        self._resolve_engine = cache(resolver.resolve_engine)
        self._default_python = cache(resolver.default_python)
        self._default_implementation = cache(resolver.default_implementation)

    def cell(self, values: Mapping[str, object]) -> Cell:
        axes = {**self._defaults, **values}
        axes["engine"] = self._resolve_engine(axes["engine"])
        if axes["python"] == "default":
            axes["python"] = self._default_python(axes["engine"])
        if not axes["python"].endswith("t"):
            axes["gil"] = None
        return Cell(**{**axes, **self._of_loader(LOADERS[axes["loader"]], axes)})

    def _of_loader(self, loader: Loader, axes: Mapping[str, Any]) -> dict[str, AxisValue]:
        """Resolve the axes that apply to some loaders only."""
        has_choice = len(loader.protocols) > 1 and axes["protocol"] != "default"
        implementation = axes["implementation"]
        if implementation == "default":
            implementation = self._default_implementation(axes["python"], self._packages[axes["packages"]])
        workload = WORKLOADS[axes["workload"]]
        # When to commit, and how to insert, is part of any other workload.
        chosen = workload is INGEST and not loader.copies
        loop = axes["loop"] if loader.loops else None
        implementation = implementation if loader.implementations else None
        named = dict(self._packages[axes["packages"]])
        # A record of the load is no operation, and a program has its connections to itself.
        checkout = CHECKOUTS[0] if workload is INGEST or loader.ceiling else axes["checkout"]
        needed = needed_by(loader.with_checkout(checkout), loop, implementation)
        return {
            "loop": loop,
            "protocol": axes["protocol"] if has_choice else loader.protocols[0],
            "implementation": implementation,
            "poolsize": axes["poolsize"] if loader.concurrent else 1,
            "transaction": axes["transaction"] if chosen else TRANSACTIONS[not workload.autocommit],
            "inserts": axes["inserts"] if chosen else INSERTS[0],
            "packages": axes["packages"] if named.keys() & {*needed} else LOCKED,
            "checkout": checkout,
        }


def find_obstacle(cell: Cell) -> str | None:
    """Return why a cell cannot run on any machine, or None."""
    loader = LOADERS[cell.loader]
    if cell.inserts == "executemany" and not loader.executemany:
        return f"{loader.driver} has no executemany that {loader.name} could use"
    if cell.inserts == "executemany" and loader.pipelines and cell.protocol == "simple":
        return f"{loader.driver} sends executemany in a pipeline, which the protocol simple has not"
    if cell.loop is not None and cell.loop not in loader.loops:
        return f"{loader.name} does not run on {cell.loop}, only on {', '.join(loader.loops)}"
    if cell.protocol not in loader.protocols:
        return f"{loader.name} speaks {', '.join(loader.protocols)}"
    if cell.checkout not in loader.checkouts:
        able = ", ".join(name for name, other in LOADERS.items() if cell.checkout in other.checkouts)
        return f"{loader.name} takes no connections from a pool; loaders that do: {able}"
    if loader.ingests_only and cell.workload != INGEST.name:
        return f"{loader.name} has no other workload than {INGEST.name}"
    if cell.is_open and cell.workload == INGEST.name:
        return f"the workload {cell.workload} has no open loop: its records are of different lengths"
    if loader.ceiling and cell.protocol == "prepared" and cell.workload != INGEST.name:
        return "pgbench would have to prepare a statement for each key"
    if loader.ceiling and cell.protocol == "prepared" and cell.transaction == "per_record":
        return "pgbench would have to prepare each INSERT of a record by itself, as it ends no script in a transaction"
    if cell.implementation is not None and cell.implementation not in loader.implementations:
        return f"{loader.driver} has the implementations {', '.join(loader.implementations)}"
    return None


def _cells_of(matrix: Matrix, name: str, completion: _Completion) -> dict[Cell, str | None]:
    """Return the cells that an experiment names, with what keeps each from running."""
    cells: dict[Cell, str | None] = {}
    for combination in combine(matrix.experiments[name], lambda values: completion.cell(values).axes()):
        cell = completion.cell(combination.values)
        if cell not in cells:
            cells[cell] = combination.why or find_obstacle(cell)
    return cells


def _merge(by_experiment: Mapping[str, Mapping[Cell, str | None]]) -> list[PlannedCell]:
    merged: dict[Cell, PlannedCell] = {}
    for name, cells in by_experiment.items():
        for cell, why in cells.items():
            seen = merged.get(cell, PlannedCell(cell, "a", (), why))
            unsupported = why and seen.unsupported
            merged[cell] = replace(seen, experiments=(*seen.experiments, name), unsupported=unsupported)
    return list(merged.values())


def matches(cell: Cell, only: Mapping[str, tuple[str, ...]]) -> bool:
    """Return whether a cell has one of the values that ``only`` leaves to each axis."""
    axes = cell.axes()
    return all(axes[axis] is not None and str(axes[axis]) in values for axis, values in only.items())


def _check_packages(matrix: Matrix, selection: Selection, cells: Iterable[Iterable[Cell]]) -> None:
    used = {cell.packages for of_one in cells for cell in of_one} | {LOCKED}
    for name, wanted in name_sets(selection.packages, matrix.packages).items():
        if name not in used:
            raise BadInput(
                f"--packages: no loader of these cells needs {' or '.join(wanted)}; choose others with "
                f"--experiment and --only, or name another distribution (known: {', '.join(DISTRIBUTIONS)})"
            )


def _check_only(only: Mapping[str, tuple[str, ...]], cells: Sequence[Cell]) -> None:
    for axis, values in only.items():
        there = _values_there(axis, cells)
        for value in values:
            if value not in there:
                raise BadInput(f"--only: no cell has {axis}={value} {suggest(value, there)}")
    if not any(matches(cell, only) for cell in cells):
        asked = " and ".join(f"{axis}={','.join(values)}" for axis, values in only.items())
        raise BadInput(f"--only: no cell matches both {asked}")


def _values_there(axis: str, cells: Iterable[Cell]) -> list[str]:
    """Return the values in the order in which the matrix names them."""
    values = dict.fromkeys(cell.axes()[axis] for cell in cells)
    return [str(value) for value in values if value is not None]
