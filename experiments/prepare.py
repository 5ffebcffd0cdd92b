"""Everything that the cells of a campaign need, made ready before the first run; or the reason why it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from bigdata.registry import LOADERS
from experiments.affinity import Placement, can_pin, place, siblings
from experiments.cells import Cell, Identity, cell_key
from experiments.datasets import ReadyData
from experiments.engines.protocol import Engine, LoaderHost, Server
from experiments.errors import BadInput, Failure, Unsupported
from experiments.expand import PlannedCell
from experiments.plan import Plan
from experiments.run import ReadyCell
from experiments.spec import DataSet, Matrix

# For connections besides the workers': those that clear and check, and PostgreSQL's reserve for superusers.
SPARE_CONNECTIONS = 10

Thing = TypeVar("Thing")


class Preparation:
    """Prepares cells; what several of them need is made once, and so is the attempt where it cannot be had.

    ``provide_data`` turns a named data set into files, ``tell`` says aloud what is being made ready.
    """

    def __init__(
        self,
        matrix: Matrix,
        engine: Engine,
        allowed: frozenset[int],
        source: str,
        provide_data: Callable[[str, DataSet], ReadyData],
        tell: Callable[[str], None],
    ) -> None:
        self._matrix = matrix
        self._engine = engine
        self._allowed = allowed
        self._source = source
        self._provide_data = provide_data
        self._tell = tell
        self._made: dict[tuple[str, str], Any] = {}

    def prepare(self, planned: tuple[PlannedCell, ...]) -> dict[Cell, ReadyCell | str]:
        """Make each cell ready, or say why it cannot run. Raises BadInput and Failure for what concerns them all."""
        cells = {one.cell: one.unsupported for one in planned}
        largest_pool = max((cell.poolsize for cell, why in cells.items() if why is None), default=0)
        return {cell: why or self._try(cell, largest_pool + SPARE_CONNECTIONS) for cell, why in cells.items()}

    def _try(self, cell: Cell, max_connections: int) -> ReadyCell | str:
        try:
            return self._ready(cell, max_connections)
        except Unsupported as reason:
            return str(reason)

    def _ready(self, cell: Cell, max_connections: int) -> ReadyCell:
        host = self._host(cell)
        placement = self._once("resources", cell.resources, lambda: self._placement(cell.resources))
        data, directory = self._once("data", cell.data, lambda: self._data(cell.data))
        server = self._once("postgres", cell.postgres, lambda: self._server(cell.postgres, max_connections))
        identity = Identity(
            interpreter_build=host.facts.build,
            lock_hash=host.facts.lock_hash,
            source_hash=self._source,
            server_version=server.facts.version,
            server_settings=server.facts.settings,
            storage=server.facts.storage,
            data_digest=data.digest,
            placement=placement.facts(),
            timeout_s=self._matrix.timeout_s,
            images={} if server.facts.image is None else {"postgres": server.facts.image},
        )
        key = cell_key(cell, identity)
        return ReadyCell(cell, key, host, server, placement, data, directory, self._matrix.timeout_s)

    def _host(self, cell: Cell) -> LoaderHost:
        host = self._once("python", cell.python, lambda: self._loader_host(cell.python))
        # An event loop other than asyncio is a package of its name.
        for package in (*LOADERS[cell.loader].requirements, str(cell.loop)):
            if package in host.facts.left_out:
                raise Unsupported(f"no {package} for Python {cell.python}: {host.facts.left_out[package]}")
        return host

    def _loader_host(self, python: str) -> LoaderHost:
        self._tell(f"Python {python} and its packages")
        return self._engine.loader_host(python)

    def _placement(self, name: str) -> Placement:
        placement = place(self._matrix.resources[name], self._allowed, siblings(), pinning=can_pin())
        self._engine.check_placement(placement)
        return placement

    def _data(self, name: str) -> tuple[ReadyData, str]:
        self._tell(f"data {name}")
        data_set = self._matrix.data[name]
        try:
            data = self._provide_data(name, data_set)
        except (BadInput, Failure) as problem:
            # A download that does not come: the cells with other data can run all the same.
            kind = Unsupported if data_set.source == "census" else type(problem)
            raise kind(f"data {name}: {problem}") from problem
        return data, self._engine.provide_data(data.directory)

    def _server(self, name: str, max_connections: int) -> Server:
        self._tell(f"PostgreSQL {name}")
        return self._engine.serve(name, self._matrix.postgres[name], max_connections=max_connections)

    def _once(self, kind: str, name: str, make: Callable[[], Thing]) -> Thing:
        if (kind, name) not in self._made:
            try:
                self._made[kind, name] = make()
            except Unsupported as reason:
                self._made[kind, name] = reason
        made = self._made[kind, name]
        if isinstance(made, Unsupported):
            raise Unsupported(str(made))
        return cast(Thing, made)


def foresee(plan: Plan, matrix: Matrix, engine: Engine, allowed: frozenset[int]) -> dict[Cell, str]:
    """What can be known to keep cells from running before anything is prepared: interpreters and cores."""
    pythons = engine.pythons()
    obstacles: dict[Cell, str] = {}
    for cell in {planned.cell: None for planned in plan.cells if planned.unsupported is None}:
        if cell.python not in pythons:
            obstacles[cell] = f"no Python {cell.python} with locked packages; there: {', '.join(pythons)}"
            continue
        try:
            engine.check_placement(place(matrix.resources[cell.resources], allowed, siblings(), pinning=can_pin()))
        except Unsupported as reason:
            obstacles[cell] = str(reason)
    return obstacles


def unsupported_key(cell: Cell, source: str) -> str:
    """The key of a cell that cannot run: nothing but its axes and the sources define it."""
    return cell_key(cell, Identity("", "", source, "", {}, "", "", {}, 0.0))


def quiet_cpus(ready: Mapping[Cell, ReadyCell | str], allowed: frozenset[int]) -> frozenset[int]:
    """The cores that no loader has to itself, for the harness to stay on; all of them where there are none."""
    placements = [one.placement for one in ready.values() if isinstance(one, ReadyCell)]
    own = [placement.loader_cpus - placement.server_cpus for placement in placements]
    return allowed.difference(*own) or allowed
