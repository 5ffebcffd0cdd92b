"""The engine of each cell: that of its axis, or two of them as one where loader and server are on two hosts."""

from collections.abc import Iterable, Mapping

from experiments.engines.protocol import Engine
from experiments.engines.select import across_hosts
from experiments.errors import Unsupported
from experiments.matrix.cell import LOOPBACK, Cell
from experiments.matrix.network import Network
from experiments.matrix.spec import Matrix


class CellEngines:
    """The engines of a campaign's cells, those of two hosts opened on first use."""

    def __init__(self, matrix: Matrix, engines: Mapping[str, Engine]) -> None:
        self._matrix = matrix
        self._engines = engines
        self._across: dict[str, Engine | str] = {}

    def network(self, cell: Cell) -> Network | None:
        """Return the cell's network; None for the loopback interface as it is."""
        return None if cell.network == LOOPBACK else self._matrix.network[cell.network]

    def is_apart(self, cell: Cell) -> bool:
        """Return whether its loader and server are on two hosts."""
        network = self.network(cell)
        return network is not None and network.hosts is not None

    def name(self, cell: Cell) -> str:
        """Return a name of the cell's engine that no other one has."""
        return f"{cell.engine} over {cell.network}" if self.is_apart(cell) else cell.engine

    def of(self, cell: Cell) -> Engine:
        """Return the cell's engine. Raises Unsupported, the same each time, where two hosts cannot be had."""
        network, engine = self.network(cell), self._engines[cell.engine]
        if network is None or network.hosts is None:
            return engine
        name = self.name(cell)
        if name not in self._across:
            try:
                self._across[name] = across_hosts(engine, *(self._matrix.hosts[host] for host in network.hosts))
            except Unsupported as reason:
                self._across[name] = f"network {cell.network}: {reason}"
        found = self._across[name]
        if isinstance(found, str):
            raise Unsupported(found)
        return found

    def grouped(self, cells: Iterable[Cell]) -> list[list[Cell]]:
        """Return the cells of each engine."""
        groups: dict[str, list[Cell]] = {}
        for cell in cells:
            groups.setdefault(self.name(cell), []).append(cell)
        return list(groups.values())
