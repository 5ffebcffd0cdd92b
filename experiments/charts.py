"""The charts of an experiment as SVG, from a campaign's description and records alone."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.chart_list import chart_names
from experiments.description import Description, ShownExperiment
from experiments.records import Record


def charts_of(description: Description, records: Sequence[Record], experiment: ShownExperiment) -> dict[str, bytes]:
    """The SVG of each chart by its file name, as ``chart_names`` lists them; the same records make the same bytes."""
    # Here, as it loads the charting library: who only names charts does not wait for that.
    from experiments.chart_sheets import draw_charts

    return draw_charts(description, records, experiment, dict(chart_names(description, experiment)))
