"""What the tests of the local engine's servers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.engines.local.postgres_binaries import Binaries
from experiments.engines.local.server import LocalServer, start_server


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "bigdata-matrix"


@pytest.fixture
def own_server(binaries: Binaries, cache: Path) -> Iterator[LocalServer]:
    """For tests that stop it, or look at what it leaves."""
    started = start_server(binaries, name="t", storage="disk", settings={}, max_connections=20)
    yield started
    started.stop()
