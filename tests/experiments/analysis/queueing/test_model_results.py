"""The published campaigns: the model is as good there as it is said to be, on cells that it was not fitted on."""

from __future__ import annotations

import statistics
from functools import cache

import pytest

from experiments.analysis.queueing.model import Model, Modelled, model_campaign
from experiments.analysis.queueing.prediction import Question, answer_question, name_contestants
from experiments.records.campaign import load_campaign
from experiments.records.folder import list_campaigns
from tests.project import ROOT

PUBLISHED = ROOT / "results" / "published"

# The last campaign that the form of the model was chosen on.
CHOSEN_ON = "2026-11-23T0341-local"
AIM = 0.15


@cache
def published_models() -> dict[str, Model]:
    """Those of all published campaigns that have cells to fit one on."""
    models = {folder.path.name: model_campaign(load_campaign(folder)) for folder in list_campaigns(PUBLISHED)}
    return {name: model for name, model in models.items() if model is not None}


def held_out_cells() -> dict[str, list[Modelled]]:
    """The cells that tell how well it foretells, by campaign."""
    return {name: model.tested for name, model in published_models().items() if model.tested}


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published campaigns here")
@pytest.mark.parametrize("later", [False, True], ids=["all campaigns", "those that it was not chosen on"])
def test_cells_that_it_was_not_fitted_on_are_met_to_within_the_aim(later: bool) -> None:
    campaigns = {name: cells for name, cells in held_out_cells().items() if not later or name > CHOSEN_ON}
    errors = [abs(cell.error) for cells in campaigns.values() for cell in cells if cell.error is not None]
    if not errors:
        pytest.skip("no such campaign is published")
    assert statistics.median(errors) < AIM


def test_what_is_far_off_says_why() -> None:
    far = [cell for cells in held_out_cells().values() for cell in cells if abs(cell.error or 0.0) > 0.1]
    assert all(cell.broken for cell in far)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published campaigns here")
def test_durable_commits_are_never_predicted_to_be_faster_than_others() -> None:
    """With many cores for PostgreSQL the client is the limit, whose work no configuration of PostgreSQL changes."""
    question = Question(poolsize=200, server_cores=16, rtt_s=0.5e-3)
    compared = 0
    for model in published_models().values():
        rates: dict[tuple[object, ...], dict[bool, list[float]]] = {}
        for family, axes in name_contestants(model):
            rate = answer_question(model, family, question).prediction.rows_per_s
            others = tuple(value for axis, value in axes.items() if axis != "postgres")
            rates.setdefault(others, {}).setdefault(model.bases[family].alone.durable, []).append(rate)
        for by_durability in rates.values():
            if len(by_durability) > 1:
                compared += 1
                # The server may still be near its limit, and its costs are fitted for each configuration.
                assert max(by_durability[True]) <= 1.02 * min(by_durability[False])
    assert compared
