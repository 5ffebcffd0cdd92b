"""Which cells are ceilings (what PostgreSQL's own programs can do), and which of them a cell is compared with. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bigdata.registry import LOADERS
from experiments.records.description import ShownCell
from experiments.records.record import Cell

PGBENCH = "ceiling_pgbench"
"""The one that does what loaders do: the same statements, over as many connections."""

COPY = "ceiling_copy"
"""All rows in one statement."""

# The ceiling of a cell has the same; what it is written in, and how it loops, are the loader's own matter.
_SAME = ("engine", "postgres", "data", "poolsize", "resources", "transaction")

# Of several that qualify, the one with more of these wins, the first of them counting most.
_PREFERRED_PROTOCOLS = ("simple", "prepared")
_PREFERRED_SAME = ("sampling", "python", "gil")


def is_ceiling(cell: Cell) -> bool:
    """Whether the cell is no contestant, but what PostgreSQL's own programs can do."""
    loader = LOADERS.get(cell.loader)
    return loader is not None and loader.ceiling


def find_ceiling(cell: Cell, shown: Sequence[ShownCell]) -> ShownCell | None:
    """The ceiling of a cell among the cells of a campaign; None where it has none, and for ceilings themselves.

    The protocol ``simple`` goes before ``prepared``: all loaders are held to the same.
    """
    if is_ceiling(cell):
        return None
    able = [
        one
        for one in shown
        if one.cell.loader == PGBENCH
        and (one.arm, one.unsupported) == ("a", None)
        and all(one.cell.value(axis) == cell.value(axis) for axis in _SAME)
    ]
    return min(able, key=lambda one: _distance(one.cell, cell), default=None)


def _distance(ceiling: Cell, cell: Cell) -> tuple[int, ...]:
    protocol = _PREFERRED_PROTOCOLS.index(ceiling.protocol)
    return (protocol, *(int(ceiling.value(axis) != cell.value(axis)) for axis in _PREFERRED_SAME))
