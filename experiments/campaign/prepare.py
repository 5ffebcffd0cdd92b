"""Preparation of a campaign's cells before the first run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from bigdata.registry import LOADERS, OPERATING, USUAL_POOLSIZE
from experiments.campaign.cell_engines import CellEngines
from experiments.campaign.datasets import PreparedData
from experiments.campaign.obstacles import find_left_out
from experiments.campaign.prepared_cell import CellParts, PreparedCell, choices_of, environment_of
from experiments.campaign.run import STEP_TIMEOUT_S
from experiments.engines.loader_report import driver_facts, has_been_ended, read_trial
from experiments.engines.protocol import Engine, Finished, Launch, LoaderHost, Server
from experiments.environment.affinity import place
from experiments.errors import BadInput, Failure, Unsupported
from experiments.matrix.arrivals import rate_of
from experiments.matrix.cell import AxisValue, Cell, Identity, cell_key
from experiments.matrix.expand import PlannedCell
from experiments.matrix.network import Network
from experiments.matrix.packages import LOCKED, packages_of
from experiments.matrix.records import find_idle
from experiments.matrix.spec import DataSet, Matrix, PostgresConfiguration
from experiments.matrix.values import SPARE_CONNECTIONS
from experiments.records.facts import HOSTS, NETEM, RELAY, Placement

_TRIED = ("engine", "python", "gil", "loader", "loop", "protocol", "implementation", "packages", "checkout")

Thing = TypeVar("Thing")

CheckParts = Callable[[Mapping[Cell, CellParts | str]], None]


@dataclass(frozen=True)
class Trial:
    """Result of trying a loader: the reason why it cannot run, or the facts of its driver."""

    reason: str | None
    driver: Mapping[str, Any]


class Preparation:
    """Prepares cells, shared parts once.

    ``provide_data`` turns a data set into files and operations for a pool size, ``tell`` shows progress. With
    ``any_cores`` the keys of cells are the same on machines that have as many cores with other numbers.
    """

    def __init__(
        self,
        matrix: Matrix,
        engines: Mapping[str, Engine],
        source: str,
        provide_data: Callable[[DataSet, int], PreparedData],
        tell: Callable[[str], None],
        *,
        any_cores: bool = False,
    ) -> None:
        self._any_cores = any_cores
        self._matrix = matrix
        self._engines = CellEngines(matrix, engines)
        self._several = len(engines) > 1
        self._source = source
        self._provide_data = provide_data
        self._tell = tell
        self._trials: dict[tuple[AxisValue, ...], Trial] = {}
        self._cache: dict[tuple[str, ...], Any] = {}

    def prepare(
        self, planned: tuple[PlannedCell, ...], max_connections: int | None = None, check: CheckParts | None = None
    ) -> dict[Cell, PreparedCell | str]:
        """Return each cell prepared, or why it cannot run. Raises BadInput and Failure if no cell can.

        ``check`` gets the parts of all cells before the first server starts.
        """
        cells = {one.cell: one.unsupported for one in planned}
        largest_pool = max((cell.poolsize for cell, why in cells.items() if why is None), default=0)
        connections = max_connections or largest_pool + SPARE_CONNECTIONS
        self._make_ready([cell for cell, why in cells.items() if why is None])
        for cell, why in cells.items():
            # A version that does not exist is found before a server starts.
            _attempt(why, partial(self._host, cell))
        if check is not None:
            check({cell: _attempt(why, partial(self._parts, cell, connections)) for cell, why in cells.items()})
        return {cell: _attempt(why, partial(self._ready, cell, connections)) for cell, why in cells.items()}

    def _make_ready(self, cells: Sequence[Cell]) -> None:
        """Let each engine prepare everything slow at once."""
        for own in self._engines.grouped(cells):
            engine = _attempt(None, partial(self._engines.of, own[0]))
            if isinstance(engine, str):
                continue
            pythons = dict.fromkeys(cell.python for cell in own)
            majors = dict.fromkeys(self._matrix.postgres[cell.postgres].version for cell in own)
            engine.make_ready(list(pythons), list(majors), self._tell_preparing)

    def _tell_preparing(self, what: str) -> None:
        self._tell(f"preparing {what}")

    def _common(self, cell: Cell) -> tuple[LoaderHost, Placement, PreparedData]:
        host = self._host(cell)
        name, engine = self._engines.name(cell), self._engines.of(cell)
        placement = self._once(name, "cores", cell.resources, make=lambda: self._placement(engine, cell.resources))
        # Of ingest, the pool decides nothing of what is done.
        poolsize = max(USUAL_POOLSIZE, cell.poolsize if cell.workload in OPERATING else 1)
        data = self._once("", "data", cell.data, str(poolsize), make=lambda: self._data(cell.data, poolsize))
        if (excess := find_idle(cell, data.data_records)) is not None:
            raise BadInput(f"data {cell.data}: {excess}")
        return host, placement, data

    def _parts(self, cell: Cell, max_connections: int) -> CellParts:
        asked, engine = self._matrix.postgres[cell.postgres], self._engines.of(cell)
        make, name = partial(engine.server_facts, asked, max_connections=max_connections), self._engines.name(cell)
        return CellParts(cell, *self._common(cell), self._once(name, "facts", cell.postgres, make=make))

    def _ready(self, cell: Cell, max_connections: int) -> PreparedCell:
        host, placement, data = self._common(cell)
        name, engine = self._engines.name(cell), self._engines.of(cell)
        directory = self._once(name, "data", cell.data, make=lambda: engine.provide_data(data.directory))
        server = self._once(
            name, "postgres", cell.postgres, make=lambda: self._server(engine, cell.postgres, max_connections)
        )
        network = self._engines.network(cell)
        delayed_by = _find_delay(network, engine)
        driver = self._try_out(cell, host, server, placement)
        identity = Identity(
            interpreter_build=host.facts.build,
            lock_hash=host.facts.lock_hash,
            driver=driver,
            source_hash=self._source,
            server_version=server.facts.version,
            server_build=server.facts.build,
            server_settings=server.facts.settings,
            storage=server.facts.storage,
            data_digest=data.digest,
            placement=self._place_facts(cell, placement, server) | _delays(network, delayed_by),
            timeout_s=self._matrix.timeout_s,
            images={} if server.facts.image is None else {"postgres": server.facts.image},
        )
        key, here, rate_per_s = cell_key(cell, identity), engine.cores().here, rate_of(cell.arrivals)
        how = identity.timeout_s, here, network, delayed_by, rate_per_s
        return PreparedCell(cell, key, host, server, placement, data, directory, *how)

    def _place_facts(self, cell: Cell, placement: Placement, server: Server) -> dict[str, Any]:
        numbered = placement.numbered_from_0() if self._any_cores else placement
        return numbered.facts() | _container_limits(server, self._matrix.postgres[cell.postgres])

    def _host(self, cell: Cell) -> LoaderHost:
        name, engine = self._engines.name(cell), self._engines.of(cell)
        make = partial(self._loader_host, engine, cell)
        host = self._once(name, "python", cell.python, cell.packages, make=make)
        if reason := find_left_out(cell, host.facts.left_out):
            raise Unsupported(reason)
        return host

    def _try_out(self, cell: Cell, host: LoaderHost, server: Server, placement: Placement) -> Mapping[str, Any]:
        """Let the loader connect once; return the facts of its driver. Raises Unsupported where it does not work."""
        what = tuple(cell.value(axis) for axis in _TRIED)
        # Its program may be of the server's own version.
        what += (cell.postgres,) if LOADERS[cell.loader].ceiling else ()
        # And over TLS a loop may lack what a driver needs.
        what += (cell.network,) if self._engines.is_apart(cell) else ()
        if what not in self._trials:
            engine = self._engines.of(cell)
            self._tell(f"{self._prefix(engine)}trying {cell.contestant()}, {cell.interpreter()}")
            self._trials[what] = _try_twice(cell, host, server, placement)
        if reason := self._trials[what].reason:
            raise Unsupported(reason)
        return self._trials[what].driver

    def _loader_host(self, engine: Engine, cell: Cell) -> LoaderHost:
        name, packages = cell.packages, packages_of(self._matrix.packages, cell.packages)
        what = "its packages" if name == LOCKED else f"packages {name}"
        self._tell_preparing(f"{self._prefix(engine)}Python {cell.python} and {what}")
        try:
            return engine.loader_host(cell.python, packages)
        except (BadInput, Unsupported) as problem:
            raise type(problem)(str(problem) if name == LOCKED else f"packages {name}: {problem}") from problem

    def _placement(self, engine: Engine, name: str) -> Placement:
        placement = place(self._matrix.resources[name], engine.cores())
        engine.check_placement(placement)
        return placement

    def _data(self, name: str, poolsize: int) -> PreparedData:
        self._tell_preparing(f"data {name}")
        data_set = self._matrix.data[name]
        try:
            return self._provide_data(data_set, poolsize)
        except (BadInput, Failure) as problem:
            # A download that does not come: the cells with other data can run all the same.
            kind = Unsupported if data_set.source == "census" else type(problem)
            raise kind(f"data {name}: {problem}") from problem

    def _server(self, engine: Engine, name: str, max_connections: int) -> Server:
        self._tell_preparing(f"{self._prefix(engine)}PostgreSQL {name}")
        return engine.serve(name, self._matrix.postgres[name], max_connections=max_connections)

    def _prefix(self, engine: Engine) -> str:
        return f"{engine.name}: " if self._several else ""

    def _once(self, *what: str, make: Callable[[], Thing]) -> Thing:
        if what not in self._cache:
            try:
                self._cache[what] = make()
            except Unsupported as reason:
                self._cache[what] = reason
        found = self._cache[what]
        if isinstance(found, Unsupported):
            raise Unsupported(str(found))
        return cast(Thing, found)


def _attempt(why: str | None, make: Callable[[], Thing]) -> Thing | str:
    """Return what is made, or the reason why it cannot run: ``why`` if that is known."""
    try:
        return why or make()
    except Unsupported as reason:
        return str(reason)


def _try_twice(cell: Cell, host: LoaderHost, server: Server, placement: Placement) -> Trial:
    """Try a loader, again if it was killed: a busy machine is no reason to call a cell unsupported."""
    try:
        finished = _try_once(cell, host, server, placement)
        if finished.returncode < 0 or has_been_ended(finished):
            finished = _try_once(cell, host, server, placement)
    except Failure:
        # The runs of the cell will fail, too, and record the reason.
        return Trial(None, {})
    return Trial(read_trial(finished, STEP_TIMEOUT_S), driver_facts(finished))


def _try_once(cell: Cell, host: LoaderHost, server: Server, placement: Placement) -> Finished:
    arguments, unlimited = ["check", cell.loader, *choices_of(cell), "--report", "-"], placement.without_loader_limits()
    return host.run(Launch(arguments, server, unlimited, STEP_TIMEOUT_S, environment_of(cell)))


def _container_limits(server: Server, configuration: PostgresConfiguration) -> dict[str, int]:
    """Return limits of the server's container that are not in its settings; none without a container."""
    if server.facts.image is None or configuration.shm_size is None:
        return {}
    return {"server_shm_bytes": configuration.shm_size}


def _find_delay(network: Network | None, engine: Engine) -> str:
    """Return what delays the packets of a network."""
    if network is not None and network.hosts is not None:
        return HOSTS
    return RELAY if network is None or engine.find_netem_obstacle() else NETEM


def _delays(network: Network | None, delayed_by: str) -> dict[str, float | str]:
    """Return the network's part of a cell's identity; nothing for the loopback interface, so that keys stay."""
    if network is None:
        return {}
    return {"rtt_s": network.rtt_s, "jitter_s": network.jitter_s, "delayed_by": delayed_by}


def unsupported_key(cell: Cell, source: str) -> str:
    """Return the key of a cell that cannot run: only its axes and the sources define it."""
    return cell_key(cell, Identity("", "", {}, source, "", None, {}, "", "", {}, 0.0))


def harness_cpus(ready: Mapping[Cell, PreparedCell | str], allowed: frozenset[int]) -> frozenset[int]:
    """Return the cores of this machine that are no loader's own, for the harness; all if there are none."""
    placements = [one.placement for one in ready.values() if isinstance(one, PreparedCell) and one.here]
    own = [placement.loader_cpus - placement.server_cpus for placement in placements]
    return allowed.difference(*own) or allowed
