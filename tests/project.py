"""The folder of the project, for tests at any depth."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


def matrix_with_pool(folder: Path, poolsize: int) -> Path:
    """The project's matrix.yaml with another pool size, for campaigns of as few records."""
    text = (ROOT / "matrix.yaml").read_text()
    assert text.count("\n  poolsize: 20 ") == 1
    changed = folder / "matrix.yaml"
    changed.write_text(text.replace("\n  poolsize: 20 ", f"\n  poolsize: {poolsize} "))
    return changed
