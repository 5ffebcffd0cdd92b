"""The campaign that a command names, by its name in the results folder or by the path of its own folder, and what its
files tell of it.
"""

from __future__ import annotations

from pathlib import Path

from experiments.analysis.comparison import Measured
from experiments.campaign.resume import runs_left
from experiments.errors import BadInput
from experiments.matrix.values import suggest
from experiments.records.folder import CampaignFolder, list_campaigns


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


def read_measured(folder: CampaignFolder) -> Measured:
    """A campaign with its records, as they are now."""
    description = folder.description()
    return Measured(description, folder.records(), runs_left(folder, description))
