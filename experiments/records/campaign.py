"""Campaigns by name or path, and what their files hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import BadInput, suggest
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.record import Record

LOCAL = Path("results/local")
"""The results folder of the commands, which git ignores."""
PUBLISHED = Path("results/published")


def list_known(results: Path) -> list[CampaignFolder]:
    """List the campaigns of a results folder, newest first, and after those of the default one the published ones."""
    return list_campaigns(results) + (list_campaigns(PUBLISHED) if results == LOCAL else [])


def find_campaign(results: Path, text: str) -> CampaignFolder:
    """Return the campaign of this name that ``list_known`` lists, or the one in this folder.

    Raises BadInput if it is neither.
    """
    folders = list_known(results)
    for folder in folders:
        if folder.path.name == text:
            return folder
    if (Path(text) / "campaign.json").is_file():
        return CampaignFolder(Path(text).resolve())
    known = suggest(Path(text).name, [folder.path.name for folder in folders])
    places = f"{LOCAL} or {PUBLISHED}" if results == LOCAL else results
    raise BadInput(f"{text!r} is neither a campaign of {places} nor the folder of one {known}")


def load_campaign(folder: CampaignFolder) -> Campaign:
    """Return a campaign with its present records."""
    description = folder.description()
    return Campaign(description, folder.records(), runs_left(folder, description))


@dataclass(frozen=True)
class Campaign:
    """A campaign with its records; ``missing`` runs of its plan have none."""

    description: Description
    records: Sequence[Record]
    missing: int = 0

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.description.campaign


def runs_left(folder: CampaignFolder, description: Description) -> int:
    """Return how many planned runs have no record; interrupted attempts do not count."""
    done = {record.run for record in folder.records() if not record.interrupted}
    return len(description.planned_runs - done)
