"""Records that fit the pool: what ``records: auto`` comes to, and pools in which workers would have nothing to do."""

from collections.abc import Iterable
from dataclasses import replace

from bigdata.registry import OPERATING
from experiments.formatting import count
from experiments.matrix.cell import Cell
from experiments.matrix.expand import PlannedCell
from experiments.matrix.spec import Matrix
from experiments.matrix.values import AUTO

_STEP = 100
"""Records are a multiple of it: as many for each connection of pools of 1, 5, 10, 20, 50 and 100."""


def fit_records(matrix: Matrix, planned: Iterable[PlannedCell]) -> Matrix:
    """Return the matrix with a number for each ``auto``, the same for all cells of a data set."""
    largest = dict.fromkeys(matrix.data, 1)
    for cell in (one.cell for one in planned if one.unsupported is None):
        if cell.workload not in OPERATING:
            largest[cell.data] = max(largest[cell.data], cell.poolsize)
    fitted = {
        name: replace(data, records=_fitting(largest[name])) if data.records == AUTO else data
        for name, data in matrix.data.items()
    }
    return replace(matrix, data=fitted)


def _fitting(poolsize: int) -> int:
    """Return the records for a pool."""
    return -(-poolsize // _STEP) * _STEP


def find_idle(cell: Cell, data_records: int) -> str | None:
    """Return why some of a cell's workers would get no record, or None. Other workloads have operations for all."""
    idle = cell.poolsize - data_records
    if idle <= 0 or cell.workload in OPERATING:
        return None
    found, without = count(data_records, "data record"), count(idle, "connection")
    return (
        f"{found}, so that {without} of a pool of {cell.poolsize:,} would get none: "
        f"load {cell.poolsize:,} or more (auto: as many as fit), or use a smaller pool"
    )
