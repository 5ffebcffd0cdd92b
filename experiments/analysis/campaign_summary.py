"""Summary of one campaign: its experiments and its queueing model, each computed once."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.analysis.queueing.model import Model, model_cells
from experiments.analysis.summary import ExperimentSummary, summarize_all
from experiments.records.campaign import Campaign


@dataclass(frozen=True)
class CampaignSummary:
    """A campaign with the summaries of its experiments, and all its cells with what the model says of them."""

    campaign: Campaign
    experiments: tuple[ExperimentSummary, ...]
    model: Model


def summarize_campaign(campaign: Campaign) -> CampaignSummary:
    """Condense all that the records say."""
    return CampaignSummary(campaign, tuple(summarize_all(campaign)), model_cells(campaign))
