"""Columns of the CSV about the client: what its processes report of themselves."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from experiments.analysis.summary import CellSummary
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


def _part(name: str, key: str) -> Measure:
    """One value of those that a field of ``Client`` has."""
    return lambda client, data: (getattr(client, name) or {}).get(key)


def _per_row(name: str) -> Measure:
    """A count of phase data, by its rows."""

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
    """What the runs say of interpreter and driver, where they all say the same; yes is 1."""
    values = {column: cell.client_fact(name) for column, name in _FACTS.items()}
    return {
        column: "" if value is None else int(value) if isinstance(value, bool) else value
        for column, value in values.items()
    }


def measure_columns(cell: CellSummary) -> dict[str, object]:
    """Latency of records, fairness, context switches per row: of phase data, medians over the runs that count.

    Empty where no run tells.
    """
    told = [(record.client, record.phases["data"]) for record in cell.ok if record.client and record.phases]
    return {column: _median(measure(*each) for each in told) for column, measure in _MEASURES.items()}


def _median(values: Iterable[float | None]) -> float | str:
    known = [value for value in values if value is not None]
    return _shown(statistics.median(known)) if known else ""


def _shown(value: float) -> float:
    """Whole numbers as they are, others with four digits, or as many behind the point."""
    if value == int(value):
        return int(value)
    return round(value, 4) if value > 1 else float(f"{value:.4g}")
