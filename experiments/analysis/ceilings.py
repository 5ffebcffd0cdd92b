"""Upper bounds, measured with PostgreSQL's own programs, and the one that a cell is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from bigdata.registry import LOADERS
from experiments.records.description import ShownCell
from experiments.records.record import Cell

PGBENCH = "ceiling_pgbench"
"""The one that does what loaders do: the same statements, over as many connections."""

COPY = "ceiling_copy"
"""All rows in one statement."""

# Axes on which a cell and its upper bound are alike.
_SAME = ("engine", "postgres", "data", "poolsize", "resources", "transaction")

# Of several that qualify, the one with more of these wins, the first of them counting most.
_PREFERRED_PROTOCOLS = ("simple", "prepared")
_PREFERRED_SAME = ("sampling", "python", "gil")


def is_ceiling(cell: Cell) -> bool:
    """Return whether the cell is an upper bound, run by one of PostgreSQL's own programs."""
    loader = LOADERS.get(cell.loader)
    return loader is not None and loader.ceiling


def find_ceiling(cell: Cell, shown: Sequence[ShownCell]) -> ShownCell | None:
    """Find the upper bound of a cell among the cells of a campaign; None where it has none, or is one itself.

    The protocol ``simple`` goes before ``prepared``, so that all loaders are compared with the same.
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
