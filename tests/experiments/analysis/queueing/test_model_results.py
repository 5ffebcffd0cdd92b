"""The published campaigns: the model is as good there as it is said to be, on cells that it was not fitted on."""

from __future__ import annotations

import statistics

import pytest

from experiments.analysis.queueing.model import Modelled, model_campaign
from experiments.records.campaign import load_campaign
from experiments.records.folder import list_campaigns
from tests.project import ROOT

PUBLISHED = ROOT / "results" / "published"

# The last campaign that the form of the model was chosen on.
CHOSEN_ON = "2026-11-23T0341-local"
AIM = 0.15


def held_out_cells() -> dict[str, list[Modelled]]:
    """The cells that tell how well it foretells, by campaign."""
    models = {folder.path.name: model_campaign(load_campaign(folder)) for folder in list_campaigns(PUBLISHED)}
    return {name: model.tested for name, model in models.items() if model is not None and model.tested}


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
