"""The charts of an experiment as SVG, from a campaign's description and records alone."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.records.description import Description, ShownExperiment
from experiments.records.record import Record
from experiments.report.charts.catalog import chart_names


def charts_of(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> dict[str, bytes]:
    """The SVG of each chart by its file name, as ``chart_names`` lists them; the same records make the same bytes."""
    # Here, as it loads the charting library: who only names charts does not wait for that.
    from experiments.report.charts.figures import draw_charts

    return draw_charts(description, records, experiment, dict(chart_names(description, experiment)))
