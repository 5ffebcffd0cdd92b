"""Files of explained cells in ``results/<campaign>/explained/``: a page, and a folder of pictures and profiles."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.environment.cache import remove, size_bytes
from experiments.files import write_whole
from experiments.matrix.cell import Cell
from experiments.profiling.explanation import Explanation
from experiments.profiling.page import explanation_page, pictures_of
from experiments.records.description import Description, ShownCell
from experiments.records.folder import CampaignFolder

EXPLAINED = "explained"

LARGEST_CAMPAIGN_BYTES = 5_000_000
LARGEST_FILE_BYTES = 200_000
"""Size limits of a whole campaign, and of a single file."""


def file_name(cell: Cell) -> str:
    """Return the name of a cell's page and folder, the same for the same cell."""
    return re.sub(r"[^\w.]+", "-", cell.label()).strip("-").lower()


def page_path(campaign: Path, cell: Cell) -> Path:
    """Return the path of a cell's page, written or not."""
    return campaign / EXPLAINED / f"{file_name(cell)}.md"


def has_cell(description: Description, cell: Cell) -> bool:
    """Return True if a campaign planned the cell and it can run. Axes missing in its description match any value."""
    return any(not shown.unsupported for shown in shown_cells(description, cell))


def find_obstacle(cell: Cell, folders: Sequence[CampaignFolder]) -> str | None:
    """Return why the cell cannot run, by the first of these campaigns that has a reason, or None."""
    reasons = (shown.unsupported for folder in folders for shown in shown_cells(folder.description(), cell))
    return next((reason for reason in reasons if reason), None)


def shown_cells(description: Description, cell: Cell) -> list[ShownCell]:
    """Return the cell as a campaign planned it, with either arm; axes missing in its description match any value."""
    axes = cell.axes()
    return [
        shown
        for shown in description.cells
        if all(value == axes.get(axis, value) for axis, value in shown.cell.axes().items())
    ]


def find_campaign_of(cell: Cell, folders: Sequence[CampaignFolder]) -> CampaignFolder | None:
    """Return the first of these campaigns that has the cell: the newest, in the order of ``list_campaigns``."""
    return next((folder for folder in folders if has_cell(folder.description(), cell)), None)


def write_explanation(campaign: Path, cell: Cell, explanation: Explanation) -> Path:
    """Write page, pictures and profiles within the size limits, in place of earlier ones; return the page's path."""
    folder, name = campaign / EXPLAINED, file_name(cell)
    remove(folder / name)
    (folder / name).mkdir(parents=True)
    files: Mapping[str, str] = {**pictures_of(explanation), **explanation.files}
    written = []
    for file, text in files.items():
        size = len(text.encode())
        if size <= LARGEST_FILE_BYTES and size_bytes(campaign) + size <= LARGEST_CAMPAIGN_BYTES:
            write_whole(folder / name / file, text)
            written.append(file)
    page = page_path(campaign, cell)
    write_whole(page, explanation_page(explanation, name, written))
    return page
