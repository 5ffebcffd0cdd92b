"""Summaries of made-up campaigns, as the functions that write pages take them."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.queueing.model import Model, model_cells
from experiments.analysis.summary import ExperimentSummary, summarize
from experiments.records.campaign import Campaign
from experiments.records.description import Description, ShownExperiment
from experiments.records.record import Record


def summed(
    description: Description, records: Sequence[Record], experiment: ShownExperiment
) -> tuple[ExperimentSummary, Campaign]:
    campaign = Campaign(description, records)
    return summarize(campaign, experiment), campaign


def modelled(
    description: Description, records: Sequence[Record], experiment: ShownExperiment
) -> tuple[ExperimentSummary, Model]:
    return summed(description, records, experiment)[0], model_cells(Campaign(description, records))
