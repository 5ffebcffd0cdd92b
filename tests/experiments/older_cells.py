"""Cells as older campaigns recorded them."""

from __future__ import annotations

from typing import Any

from experiments.matrix.cell import Cell


def without(cell: Cell, *axes: str) -> dict[str, Any]:
    """Return the recorded axes of a campaign from before these axes."""
    return {axis: value for axis, value in cell.axes().items() if axis not in axes}
