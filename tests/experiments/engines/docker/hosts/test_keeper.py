from __future__ import annotations

import json
from typing import Any

import pytest

from experiments.engines.docker.hosts import keeper as module
from experiments.engines.docker.hosts.keeper import keep, keeper
from experiments.errors import Failure

KEPT = [(None, "ab12"), ("db-box", "cd34")]


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    removed: list[Any] = []

    def remove(client: Any, campaign: str) -> None:
        removed.append((client, campaign))
        raise Failure("in use")

    monkeypatch.setattr(module, "connect", lambda context: context)
    monkeypatch.setattr(module, "remove_campaign", remove)
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    return removed


def test_what_a_killed_harness_has_is_removed_from_all_engines_again_and_again(removed: list[Any]) -> None:
    keep(json.dumps(KEPT) + "\n")
    assert removed == KEPT * 3


@pytest.mark.parametrize("heard", [json.dumps(KEPT) + "\ndone", ""])
def test_after_a_harness_that_has_removed_all_itself_there_is_nothing_to_do(heard: str, removed: list[Any]) -> None:
    keep(heard)
    assert removed == []


def test_the_keeper_ends_with_the_campaign_whether_that_failed_or_not() -> None:
    with keeper([]):
        pass
    with pytest.raises(Failure), keeper([]):
        raise Failure("lost")
