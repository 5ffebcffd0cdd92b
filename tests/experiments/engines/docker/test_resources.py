from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound
from requests import Response

from experiments.engines.docker import resources as module
from experiments.engines.docker.images import Images
from experiments.engines.docker.owner import this_owner
from experiments.engines.docker.resources import CAMPAIGN, OWNER, CampaignResources, list_things, remove_campaign
from experiments.errors import Failure
from tests.experiments.engines.docker.looking import things_of


def conflict(words: str) -> APIError:
    response = Response()
    response.status_code = 409
    return APIError("409 Client Error", response=response, explanation=words)


class FakeEngine:
    """Has one container and one volume; ``remove`` says what becomes of the removal of each."""

    def __init__(self, remove: Callable[[str], None]) -> None:
        self.there = ["container", "volume"]
        self._remove = remove
        self.api = SimpleNamespace(
            containers=lambda **_: self._list("container"),
            networks=lambda **_: [],
            volumes=lambda **_: {"Volumes": self._list("volume") or None},
            remove_container=lambda name, **_: self._try("container"),
            remove_volume=lambda name, **_: self._try("volume"),
        )

    def _list(self, kind: str) -> list[dict[str, Any]]:
        return [
            {"Id": kind, "Name": kind, "Labels": {CAMPAIGN: "0a", OWNER: "me"}} for one in self.there if one == kind
        ]

    def _try(self, kind: str) -> None:
        self._remove(kind)
        self.there.remove(kind)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0)


def test_a_volume_that_is_still_in_use_is_tried_again() -> None:
    refusals = [conflict("volume is in use"), conflict("volume is in use")]

    def remove(kind: str) -> None:
        if kind == "volume" and refusals:
            raise refusals.pop()

    engine: Any = FakeEngine(remove)
    removed = remove_campaign(engine, "0a")
    assert ([thing.kind for thing in removed], engine.there) == (["container", "volume"], [])


def test_what_stays_in_use_is_a_failure_in_the_end() -> None:
    def remove(kind: str) -> None:
        if kind == "volume":
            raise conflict("volume is in use")

    engine: Any = FakeEngine(remove)
    with pytest.raises(Failure, match="docker: cannot remove what the campaign had made: volume is in use"):
        remove_campaign(engine, "0a")


def test_what_somebody_else_removes_at_the_same_time_is_no_failure() -> None:
    def remove(kind: str) -> None:
        engine.there.remove(kind)
        raise conflict("removal is already in progress") if kind == "container" else NotFound("gone")

    engine: Any = FakeEngine(remove)
    remove_campaign(engine, "0a")
    assert engine.there == []


@pytest.mark.docker
def test_everything_carries_the_labels_and_goes_at_once(docker_client: DockerClient, images: Images) -> None:
    owner = this_owner()
    mine, other = CampaignResources(docker_client, owner), CampaignResources(docker_client, owner)
    image = images.postgres("15").image_id
    inside = docker_client.api.create_host_config(network_mode=mine.network())
    container = mine.container("x", image, command=["sleep", "60"], host_config=inside)
    docker_client.api.start(container)
    volume = mine.volume("x")
    made = {("container", container), ("network", mine.network()), ("volume", volume)}
    found = [thing for thing in list_things(docker_client) if thing.campaign == mine.campaign]
    assert {(thing.kind, thing.name) for thing in found} == made
    assert {thing.owner for thing in found} == {owner.label()}
    other_volume = other.volume("x")
    mine.remove_all()
    assert (things_of(docker_client, mine.campaign), things_of(docker_client, other.campaign)) == ([], [other_volume])
    other.remove_all()


@pytest.mark.docker
def test_a_container_is_removed_once_or_twice(resources: CampaignResources, images: Images) -> None:
    container = resources.container("x", images.postgres("15").image_id, command=["true"])
    resources.remove_container(container)
    resources.remove_container(container)
    assert things_of(resources.client, resources.campaign) == []


@pytest.mark.docker
def test_an_image_that_is_not_there_is_a_failure(resources: CampaignResources) -> None:
    with pytest.raises(Failure, match="docker: cannot make a container for loader: No such image: no-such-image"):
        resources.container("loader", "no-such-image", command=["true"])
