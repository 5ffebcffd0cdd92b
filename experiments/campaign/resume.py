"""Whether a command means a campaign that was begun earlier: same matrix and selection, same parts, same sources."""

from __future__ import annotations

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
    matrix: Matrix, cells: Sequence[ShownCell], reproduces: str | None = None, precision: float | None = None
) -> str:
    """Equal for campaigns that are the same.

    ``matrix`` is what the selection left of it, with the blocks that were asked for, whatever has been added since. The
    keys of the cells stand for locks, interpreters, servers, data and the loader's source. A campaign that
    ``reproduces`` another one is never the continuation of that. ``precision`` is that of --until; its budget may be
    another one when the campaign goes on.
    """
    everything: dict[str, Any] = {"matrix": asdict(matrix), "cells": [asdict(cell) for cell in cells]}
    everything |= {} if reproduces is None else {"reproduces": reproduces}
    everything |= {} if precision is None else {"precision": precision}
    return "sha256:" + hashlib.sha256(canonical_json(everything).encode()).hexdigest()


def find_unfinished(results: Path, wanted: str) -> CampaignFolder | None:
    """The newest campaign with this fingerprint, unless it is finished."""
    for folder in list_campaigns(results):
        description = folder.description()
        if description.fingerprint == wanted:
            return None if is_finished(folder, description) else folder
    return None


def is_finished(folder: CampaignFolder, description: Description) -> bool:
    """Whether all its runs have a record and, where blocks are added until something, no other is to follow."""
    return not description.may_grow and not runs_left(folder, description)
