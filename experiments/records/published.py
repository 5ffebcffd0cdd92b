"""The published cells that a reproduction runs again, kept in its folder.

So ``reproduced.md`` needs that folder alone, whatever has become of the published campaign.
"""

from __future__ import annotations

from dataclasses import replace

from experiments.files import write_whole
from experiments.records import description
from experiments.records.campaign import Campaign, count_missing, load_campaign
from experiments.records.description import ShownCell
from experiments.records.folder import CampaignFolder
from experiments.records.record import to_json_line

FOLDER = "published"


def select_published(folder: CampaignFolder, cells: tuple[ShownCell, ...]) -> Campaign:
    """Load the campaign in this folder with these cells alone, their experiments and their records."""
    whole = load_campaign(folder)
    names = {name for shown in cells for name in shown.experiments}
    experiments = tuple(one for one in whole.description.experiments if one.name in names)
    described = replace(whole.description, cells=cells, experiments=experiments)
    runs = {(shown.cell_key, shown.arm) for shown in cells}
    records = [record for record in whole.records if (record.cell_key, record.arm) in runs]
    return Campaign(described, records, count_missing(described, records))


def keep_published(folder: CampaignFolder, published: Campaign) -> None:
    """Write it into the reproduction's folder, unless an earlier command has."""
    kept = folder.path / FOLDER
    if (kept / "campaign.json").exists():
        return
    kept.mkdir(exist_ok=True)
    write_whole(kept / "runs.jsonl", "".join(f"{to_json_line(record)}\n" for record in published.records))
    # The last: where it stands all is there.
    write_whole(kept / "campaign.json", description.to_json(published.description))


def read_published(folder: CampaignFolder) -> Campaign | None:
    """Read what was kept; None of a campaign that is no reproduction, or older than this file."""
    kept = CampaignFolder(folder.path / FOLDER)
    return load_campaign(kept) if (kept.path / "campaign.json").exists() else None
