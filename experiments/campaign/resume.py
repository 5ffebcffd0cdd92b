"""Search for the unfinished campaign that a command asks for: same matrix, selection, parts and sources."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.matrix.cell import canonical_json
from experiments.matrix.spec import Matrix
from experiments.records.campaign import runs_left
from experiments.records.description import Description, ShownCell
from experiments.records.folder import CampaignFolder, list_campaigns


def fingerprint(
    matrix: Matrix,
    cells: Sequence[ShownCell],
    reproduces: str | None = None,
    precision: float | None = None,
    *,
    cluster: bool = False,
) -> str:
    """Return a hash that is equal for the same campaign.

    ``matrix`` is the selected part with the blocks asked for, not those added since. The keys of the cells stand for
    locks, interpreters, servers, data and the loader's source. ``precision`` is that of --until; its budget, and the
    patience, may change when the campaign is resumed, and so may the machines of a ``cluster``.
    """
    asked = {name: value for name, value in asdict(matrix).items() if name != "patience_s"}
    everything: dict[str, Any] = {"matrix": asked, "cells": [asdict(cell) for cell in cells]}
    everything |= {} if reproduces is None else {"reproduces": reproduces}
    everything |= {} if precision is None else {"precision": precision}
    everything |= {"cluster": True} if cluster else {}
    return "sha256:" + hashlib.sha256(canonical_json(everything).encode()).hexdigest()


def find_unfinished(results: Path, wanted: str) -> CampaignFolder | None:
    """Return the newest campaign with this fingerprint, unless it is finished."""
    for folder in list_campaigns(results):
        description = folder.description()
        if description.fingerprint == wanted:
            return None if is_finished(folder, description) else folder
    return None


def is_finished(folder: CampaignFolder, description: Description) -> bool:
    """Check that all runs have a record, that no more blocks may be added, and that the tables are written."""
    return not description.may_grow and folder.is_reported() and not runs_left(folder, description)
