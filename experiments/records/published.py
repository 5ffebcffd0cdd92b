"""What was published of the cells that a reproduction runs again, kept in its folder beside its own records.

So ``reproduced.md`` is written anew from that folder alone, whatever has become of the published campaign.
"""

from __future__ import annotations

from dataclasses import replace

from experiments.files import write_whole
from experiments.records import description
from experiments.records.campaign import Campaign, load_campaign, runs_left
from experiments.records.description import ShownCell
from experiments.records.folder import CampaignFolder
from experiments.records.record import to_json_line

FOLDER = "published"


def select_published(folder: CampaignFolder, cells: tuple[ShownCell, ...]) -> Campaign:
    """The campaign in this folder with no more than these cells, and their experiments and records."""
    described = folder.description()
    names = {name for shown in cells for name in shown.experiments}
    experiments = tuple(one for one in described.experiments if one.name in names)
    described = replace(described, cells=cells, experiments=experiments)
    runs = {(shown.cell_key, shown.arm) for shown in cells}
    records = [record for record in folder.records() if (record.cell_key, record.arm) in runs]
    return Campaign(described, records, runs_left(folder, described))


def keep_published(folder: CampaignFolder, published: Campaign) -> None:
    """Write it into the reproduction's folder; what an earlier command has written there stays."""
    kept = folder.path / FOLDER
    if (kept / "campaign.json").exists():
        return
    kept.mkdir(exist_ok=True)
    write_whole(kept / "runs.jsonl", "".join(f"{to_json_line(record)}\n" for record in published.records))
    # The last: where it stands all is there.
    write_whole(kept / "campaign.json", description.to_json(published.description))


def read_published(folder: CampaignFolder) -> Campaign | None:
    """What was kept; None of a campaign that is no reproduction, or of before this was kept."""
    kept = CampaignFolder(folder.path / FOLDER)
    return load_campaign(kept) if (kept.path / "campaign.json").exists() else None
