"""Columns of the CSV about the client and the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experiments.analysis.queueing.measurements import CLIENT, SERVER, SHARED
from experiments.analysis.queueing.model import POOL, Modelled
from experiments.analysis.stats import median_of_known
from experiments.analysis.summary import CellSummary
from experiments.records.description import ShownCell
from experiments.records.record import Client, Phase

# Column -> field of ``Client``, where all runs of a row say the same.
_FACTS = {
    "free_threaded": "free_threaded",
    "gil_enabled": "gil_enabled",
    "optimized": "optimized_build",
    "lto": "lto",
    "jit": "jit",
    "switch_interval_s": "switch_interval_s",
    "libpq": "libpq",
    "libpq_bundled": "libpq_bundled",
    "driver_implementation": "driver_implementation",
}

Measure = Callable[[Client, Phase], "float | None"]


# The bounds in the order of their columns; SHARED is of cores that both sides use.
_BOUNDS = (CLIENT, SERVER, SHARED, POOL)


def _part(name: str, key: str) -> Measure:
    """Return a measure of one value of those in a field of ``Client``."""
    return lambda client, data: (getattr(client, name) or {}).get(key)


def _per_row(name: str) -> Measure:
    """Return a measure of a count of phase data per row."""

    def divide(client: Client, data: Phase) -> float | None:
        number: int | None = getattr(client, name)
        return None if number is None or not data.rows else number / data.rows

    return divide


# Column -> what it is the median of, over the runs that count.
_MEASURES: dict[str, Measure] = {
    **{f"record_latency_{part}_s": _part("record_latency_s", part) for part in ("p50", "p95", "p99")},
    **{f"rows_per_worker_{part}": _part("rows_per_worker", part) for part in ("smallest", "largest")},
    "voluntary_switches_per_row": _per_row("voluntary_switches"),
    "involuntary_switches_per_row": _per_row("involuntary_switches"),
}


def fact_columns(cell: CellSummary) -> dict[str, object]:
    """Return what the runs say of interpreter and driver, where they all say the same; yes is 1."""
    values = {column: cell.client_fact(name) for column, name in _FACTS.items()}
    return {
        column: "" if value is None else int(value) if isinstance(value, bool) else value
        for column, value in values.items()
    }


def measure_columns(cell: CellSummary) -> dict[str, object]:
    """Return latency of records, fairness and context switches per row: medians of phase data, empty where unknown."""
    told = [(record.client, record.phases["data"]) for record in cell.ok if record.client and record.phases]
    return {column: _shown(median_of_known(measure(*each) for each in told)) for column, measure in _MEASURES.items()}


def _shown(value: float | None) -> float | str:
    """Return whole numbers as they are, others with four digits, or as many behind the point."""
    if value is None:
        return ""
    if value == int(value):
        return int(value)
    return round(value, 4) if value > 1 else float(f"{value:.4g}")


def model_columns(shown: ShownCell, modelled: Mapping[str, Modelled]) -> dict[str, object]:
    """Return the columns about the model; they are always the same, their values may be empty.

    - ``bound_client_rows_per_s``, ``bound_server_rows_per_s``, ``bound_cores_rows_per_s`` (of cores that both share):
      the utilisation law with the costs that were measured in the cell. ``bound_pool_rows_per_s``: that of the number
      of connections. ``lowest_bound`` is whose is the lowest: client, server, cores or pool.
    - ``predicted_rows_per_s``, and ``prediction_error``, the part by which it is too high (above 0) or too low.
      ``prediction_fitted`` is 1 where the model was fitted on this very cell, so that its error is no test, else 0.
      ``prediction_broken`` is the assumption that did not hold, of a prediction that is far off.

    Empty for rows without a run that tells the costs, for ceilings, for the baseline's second arm, and, but for the
    bounds of the cores, for what has no cells to fit a model on.
    """
    cell = modelled.get(shown.cell_key) if shown.arm == "a" else None
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
