"""The list of PostgreSQL's settings, as the locked programs tell it."""

from __future__ import annotations

import pytest

from experiments.engines.local import list_settings
from experiments.engines.local.list_settings import head, write_list
from experiments.engines.local.postgres_binaries import Binaries
from experiments.matrix.known_settings import SETTINGS_LIST


def test_the_list_in_the_repository_was_made_from_the_locks_of_today() -> None:
    assert SETTINGS_LIST.read_text(encoding="utf-8").splitlines()[:3] == head()


@pytest.mark.postgres
def test_the_list_is_what_postgresql_says_of_itself(binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_settings, "POSTGRESQL_MAJORS", (binaries.major,))
    listed = {line.split("\t")[0] for line in write_list().splitlines() if not line.startswith("#")}
    lines = [line.split("\t") for line in SETTINGS_LIST.read_text(encoding="utf-8").splitlines()]
    assert listed == {line[0] for line in lines if binaries.major in line[-1].split(",")}
