"""Columns of the CSV about the client and the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experiments.analysis.queueing.measurements import CLIENT, SERVER, SHARED
from experiments.analysis.queueing.model import POOL, Modelled
from experiments.analysis.stats import median_of_known
from experiments.analysis.summary import CellSummary
from experiments.records.description import ShownCell
from experiments.records.record import Client, Phase

# Fields of ``Client``, where all runs of a row say the same.
_INTERPRETER = ("free_threaded", "gil_enabled", "optimized_build", "lto", "jit", "switch_interval_s")
_FACTS = (*_INTERPRETER, "libpq", "libpq_bundled", "driver_implementation")

Measure = Callable[[Client, Phase], "float | None"]


# The bounds in the order of their columns; SHARED is of cores that both sides use.
_BOUNDS = (CLIENT, SERVER, SHARED, POOL)


def _part(name: str, key: str) -> Measure:
    """Return a measure of one value of those in a field of ``Client``."""
    return lambda client, data: (getattr(client, name) or {}).get(key)


def _units_per_worker(part: str) -> Measure:
    """Return a measure of what a worker did: of rows, or where the unit is operations, which all return as many."""

    def count(client: Client, data: Phase) -> float | None:
        rows = (client.rows_per_worker or {}).get(part)
        return rows if rows is None or not data.rows else rows * data.units / data.rows

    return count


def _per_row(name: str) -> Measure:
    """Return a measure of a count of phase data per row."""

    def divide(client: Client, data: Phase) -> float | None:
        number: int | None = getattr(client, name)
        return None if number is None or not data.units else number / data.units

    return divide


# Column -> what it is the median of, over the runs that count.
_MEASURES: dict[str, Measure] = {
    **{f"record_latency_{part}_s": _part("record_latency_s", part) for part in ("p50", "p95", "p99")},
    **{f"rows_per_worker_{part}": _units_per_worker(part) for part in ("smallest", "largest")},
    "client_peak_memory_bytes": lambda client, data: client.peak_rss_bytes,
    "voluntary_switches_per_row": _per_row("voluntary_switches"),
    "involuntary_switches_per_row": _per_row("involuntary_switches"),
}


def fact_columns(cell: CellSummary) -> dict[str, object]:
    """Return what the runs say of interpreter and driver, where they all say the same; yes is 1."""
    values = {name.removesuffix("_build"): cell.client_fact(name) for name in _FACTS}
    values = {column: int(value) if isinstance(value, bool) else value for column, value in values.items()}
    return {column: "" if value is None else value for column, value in values.items()}


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
    """Return the columns about the model; always the same, empty where the model says nothing of the row.

    - ``bound_{client,server,cores}_rows_per_s``: the utilisation law with the costs measured in the cell; ``cores`` are
      those that both share. ``bound_pool_rows_per_s`` is by the connections, ``lowest_bound`` the name of the lowest.
    - ``prediction_error`` is above 0 if ``predicted_rows_per_s`` is too high. ``prediction_fitted`` is 1 if the model
      was fitted on this cell, so that its error is no test. ``prediction_broken`` is the assumption that did not hold.
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
