"""Columns of the CSV about the model: the bounds on each measured cell, and what was predicted for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.analysis.queueing.measurements import CLIENT, SERVER, SHARED
from experiments.analysis.queueing.model import POOL, Modelled, model_cells
from experiments.records.description import Description, ShownCell
from experiments.records.record import Record

# The bounds in the order of their columns; SHARED is of cores that both sides use.
_BOUNDS = (CLIENT, SERVER, SHARED, POOL)


def model_columns(description: Description, records: Sequence[Record]) -> Callable[[ShownCell], dict[str, object]]:
    """What tells the columns of each row of the campaign; the columns are always the same, their values may be empty.

    - ``bound_client_rows_per_s``, ``bound_server_rows_per_s``, ``bound_cores_rows_per_s`` (of cores that both share):
      the utilisation law with the costs that were measured in the cell. ``bound_pool_rows_per_s``: that of the number
      of connections. ``lowest_bound`` is whose is the lowest: client, server, cores or pool.
    - ``predicted_rows_per_s``, and ``prediction_error``, the part by which it is too high (above 0) or too low.
      ``prediction_fitted`` is 1 where the model was fitted on this very cell, so that its error is no test, else 0.
      ``prediction_broken`` is the assumption that did not hold, of a prediction that is far off.

    Empty for rows without a run that tells the costs, for ceilings, for the baseline's second arm, and, but for the
    bounds of the cores, for what has no cells to fit a model on.
    """
    cells = {cell.point.shown.cell_key: cell for cell in model_cells(description, records).cells}

    def columns(shown: ShownCell) -> dict[str, object]:
        return _columns(cells.get(shown.cell_key) if shown.arm == "a" else None)

    return columns


def _columns(cell: Modelled | None) -> dict[str, object]:
    bounds = cell.measured_bounds if cell else {}
    prediction = cell.prediction if cell else None
    # What rounds to -0.0 is 0.0 with nothing added to it.
    return {
        **{f"bound_{name}_rows_per_s": round(bounds[name], 1) if name in bounds else "" for name in _BOUNDS},
        "lowest_bound": cell.lowest_bound if cell else "",
        "predicted_rows_per_s": round(prediction.rows_per_s, 1) if prediction else "",
        "prediction_error": round(cell.error, 4) + 0.0 if cell and cell.error is not None else "",
        "prediction_fitted": int(cell.used) if cell and prediction else "",
        "prediction_broken": cell.broken if cell else "",
    }
