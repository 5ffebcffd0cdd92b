"""The campaign that a command names, by its name in the results folder or by the path of its own folder, and what its
files tell of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import BadInput, suggest
from experiments.records.description import Description
from experiments.records.folder import CampaignFolder, list_campaigns
from experiments.records.record import Record


def find_campaign(results: Path, text: str) -> CampaignFolder:
    """The campaign of this name among those of ``results``, or that in this folder, which may be anywhere else.

    Raises BadInput where it is neither.
    """
    folders = list_campaigns(results)
    for folder in folders:
        if folder.path.name == text:
            return folder
    if (Path(text) / "campaign.json").is_file():
        return CampaignFolder(Path(text).resolve())
    known = suggest(Path(text).name, [folder.path.name for folder in folders])
    raise BadInput(f"{text!r} is neither a campaign of {results} nor the folder of one {known}")


def load_campaign(folder: CampaignFolder) -> Campaign:
    """A campaign with its records, as they are now."""
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
    """How many planned runs have no record, well or not; an interrupted one does not count."""
    done = {record.run for record in folder.records() if not record.interrupted}
    return len(description.planned_runs - done)
