"""One campaign as its files hold it: the description and the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from experiments.errors import BadInput, suggest
from experiments.files import write_whole
from experiments.records.counts import CellCount
from experiments.records.description import Description, ShownCell
from experiments.records.folder import CampaignFolder, leaving_out_unreadable, list_campaigns
from experiments.records.record import Record, to_json_line

LOCAL = Path("results/local")
"""The results folder of the commands, which git ignores."""
PUBLISHED = Path("results/published")
KEPT = "published"
"""The published cells of a reproduction inside its folder: ``reproduced.md`` needs that folder alone."""


@dataclass(frozen=True)
class Campaign:
    """A campaign with its records, of ``file``; ``missing`` runs of its plan have none. ``counts`` are by cell key."""

    description: Description
    records: Sequence[Record]
    missing: int = 0
    counts: Mapping[str, CellCount] = field(default_factory=dict)
    file: str = "runs.jsonl"

    @property
    def name(self) -> str:
        """Return the campaign's name."""
        return self.description.campaign

    @cached_property
    def _attempts(self) -> Mapping[tuple[str, str], Sequence[Record]]:
        groups: dict[tuple[str, str], list[Record]] = {}
        for record in self.records:
            groups.setdefault((record.cell_key, record.arm), []).append(record)
        return groups

    def attempts_of(self, shown: ShownCell) -> Sequence[Record]:
        """Return every record of a cell and arm, in the order written."""
        return self._attempts.get((shown.cell_key, shown.arm), ())


def list_known(results: Path) -> list[CampaignFolder]:
    """List the campaigns of a results folder, newest first, and after those of the default one the published ones."""
    return list_campaigns(results) + (list_campaigns(PUBLISHED) if results == LOCAL else [])


def find_campaign(results: Path, text: str, *others: Path) -> CampaignFolder:
    """Return the campaign of this name in ``list_known`` or ``others``, or in ``text``, or raise BadInput."""
    folders = (results, *([PUBLISHED] if results == LOCAL else []), *others, Path())
    for path in (folder / text for folder in folders):
        if (path / "campaign.json").is_file():
            return CampaignFolder(path if path.name == text else path.resolve())
    known = suggest(Path(text).name, [folder.path.name for folder in list_known(results)])
    places = f"{LOCAL} or {PUBLISHED}" if results == LOCAL else results
    raise BadInput(f"{text!r} is neither a campaign of {places} nor the folder of one {known}")


def load_campaign(folder: CampaignFolder) -> Campaign:
    """Read a campaign with its records."""
    description, records = folder.description(), folder.records()
    missing, file = count_missing(description, records), folder.records_file.name
    return Campaign(description, records, missing, folder.counts(), file)


def load_readable(folders: Iterable[CampaignFolder]) -> Iterator[Campaign]:
    """Read each campaign that can be read."""
    for folder in folders:
        with leaving_out_unreadable():
            yield load_campaign(folder)


def count_missing(description: Description, records: Sequence[Record]) -> int:
    """Count the planned runs without a record; an interrupted attempt is none."""
    done = {(shown.cell_key, shown.arm): set[int]() for shown in description.cells if not shown.unsupported}
    for record in records:
        if not record.interrupted and 1 <= record.block <= description.repeats:
            done.get((record.cell_key, record.arm), set()).add(record.block)
    return len(done) * description.repeats - sum(map(len, done.values()))


def runs_left(folder: CampaignFolder, description: Description) -> int:
    """Count the planned runs without a record in the campaign's folder."""
    return count_missing(description, folder.records())


def select_published(folder: CampaignFolder, cells: tuple[ShownCell, ...]) -> Campaign:
    """Load the campaign in this folder with these cells alone, their experiments and their records."""
    whole = load_campaign(folder)
    names = {name for shown in cells for name in shown.experiments}
    experiments = tuple(one for one in whole.description.experiments if one.name in names)
    described = replace(whole.description, cells=cells, experiments=experiments)
    runs = {(shown.cell_key, shown.arm) for shown in cells}
    records = [record for record in whole.records if (record.cell_key, record.arm) in runs]
    return Campaign(described, records, count_missing(described, records), whole.counts)


def keep_published(folder: CampaignFolder, published: Campaign) -> None:
    """Write it into the reproduction's folder, unless an earlier command has."""
    kept = folder.path / KEPT
    if (kept / "campaign.json").exists():
        return
    folder.subfolder(KEPT)
    write_whole(kept / "runs.jsonl", "".join(f"{to_json_line(record)}\n" for record in published.records))
    # The last: where it stands all is there.
    CampaignFolder(kept).rewrite(published.description)


def read_published(folder: CampaignFolder) -> Campaign | None:
    """Read what was kept; None of a campaign that is no reproduction, or older than this file."""
    kept = CampaignFolder(folder.path / KEPT)
    return load_campaign(kept) if (kept.path / "campaign.json").exists() else None
