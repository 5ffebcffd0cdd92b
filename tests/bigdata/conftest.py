"""What tests of reading share."""

from __future__ import annotations

from pathlib import Path

import pytest

from bigdata.census.synthetic import generate
from tests.bigdata.editable_state import EditableState


@pytest.fixture
def state(tmp_path: Path) -> EditableState:
    directory = tmp_path / "sf1"
    generate(directory, "RI", ["01", "02", "12"], 60, 2014)
    return EditableState(directory)
