from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from experiments.engines.docker import cleanup as module
from experiments.engines.docker.cleanup import abandoned, check_unused, describe, living, sweep
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.images import Images
from experiments.engines.docker.owner import Owner, this_owner
from experiments.engines.docker.resources import CampaignResources, Thing
from experiments.errors import Failure
from tests.experiments.engines.docker.looking import things_of
from tests.project import ROOT

DEAD = Owner("here", 1, "long ago")
ALIVE = Owner("here", 2, "now")

# A campaign that is killed while its PostgreSQL runs: argv[1] is where images come from.
CAMPAIGN = """
import sys, time
from experiments.engines.docker.engine import DockerEngine
from experiments.matrix.spec import PostgresConfiguration
with DockerEngine(source="debian") as engine:
    engine.serve("default", PostgresConfiguration(version="15", storage="disk"), max_connections=20)
    print(engine.resources.campaign, flush=True)
    time.sleep(600)
"""


def thing(campaign: str, owner: str) -> Thing:
    return Thing("volume", "x", campaign, owner)


def test_what_is_abandoned_has_an_owner_that_has_died() -> None:
    things = [
        thing("left", DEAD.label()),
        thing("left", DEAD.label()),
        thing("running", ALIVE.label()),
        thing("whose", "somebody"),
        thing("", DEAD.label()),
    ]
    assert abandoned(things, lambda owner: owner == DEAD) == {"left": DEAD}


def test_who_may_be_alive_is_named_once() -> None:
    things = [thing("left", DEAD.label()), *[thing("running", ALIVE.label())] * 2, thing("whose", "somebody")]
    assert living(things, lambda owner: owner == DEAD) == [ALIVE]


def test_an_engine_is_in_use_while_an_owner_may_be_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = SimpleNamespace()
    monkeypatch.setattr(module, "host_id", lambda: "here")
    monkeypatch.setattr(module, "has_died", lambda owner: owner == DEAD)
    using: list[Thing] = [thing("left", DEAD.label())]
    monkeypatch.setattr(module, "list_things", lambda client: using)
    check_unused(client)
    using.append(thing("running", ALIVE.label()))
    with pytest.raises(Failure, match=r"is using the Docker engine \(process 2\): wait until it has ended$"):
        check_unused(client)
    using.append(thing("elsewhere", replace(ALIVE, host="there").label()))
    with pytest.raises(Failure) as caught:
        check_unused(client)
    assert str(caught.value) == (
        "a campaign or a test run is using the Docker engine (process 2, process 2 of another machine or container): "
        "wait until it has ended, or remove what carries the label bigdata-matrix.owner where that process is known "
        "to be gone"
    )


def test_what_was_removed_is_counted_by_kind() -> None:
    things = [Thing(kind, "x", "", "") for kind in ("container", "container", "network", "volume")]
    assert describe(things) == "2 containers, 1 network, 1 volume"


@pytest.fixture
def foreign(docker_client: DockerClient, images: Images) -> Iterator[Container]:
    """A container without our labels, as anybody's."""
    container = docker_client.containers.create(images.postgres("15").image_id, command=["true"])
    yield container
    container.remove(force=True)


@pytest.mark.docker
def test_what_a_killed_campaign_left_goes_and_nothing_else(
    docker_client: DockerClient, images: Images, foreign: Container, resources: CampaignResources
) -> None:
    of_a_living_one = resources.container("x", images.postgres("15").image_id, command=["true"])
    with subprocess.Popen([sys.executable, "-c", CAMPAIGN], cwd=ROOT, stdout=subprocess.PIPE, text=True) as campaign:
        assert campaign.stdout is not None
        token = campaign.stdout.readline().strip()
        sweep(docker_client)
        # One container, its network, and the volumes for its password and data.
        assert len(things_of(docker_client, token)) == 4
        os.kill(campaign.pid, signal.SIGKILL)
    assert len(things_of(docker_client, token)) == 4
    line = f"docker: removed what a killed run (process {campaign.pid}) left: 1 container, 1 network, 2 volumes"
    assert line in sweep(docker_client)
    assert things_of(docker_client, token) == []
    assert {foreign.id, of_a_living_one} <= {one.id for one in docker_client.containers.list(all=True)}


@pytest.mark.docker
def test_what_an_owner_on_another_machine_has_is_left_alone(docker_client: DockerClient) -> None:
    elsewhere = CampaignResources(docker_client, replace(this_owner(), host="elsewhere", started="long ago"))
    volume = elsewhere.volume("x")
    try:
        sweep(docker_client)
        assert things_of(docker_client, elsewhere.campaign) == [volume]
    finally:
        elsewhere.remove_all()


@pytest.mark.docker
def test_what_cannot_be_removed_is_told_and_keeps_nobody_from_running(
    docker_client: DockerClient, images: Images
) -> None:
    left = CampaignResources(docker_client, replace(this_owner(), started="long ago"))
    image = images.postgres("15").image_id
    guest = docker_client.containers.create(image, command=["sleep", "60"], network=left.network())
    try:
        guest.start()
        (line,) = (line for line in sweep(docker_client) if f"process {os.getpid()})" in line)
    finally:
        guest.remove(force=True)
        left.remove_all()
    assert "is still there: docker: cannot remove what the campaign had made: " in line
    assert "has active endpoints" in line


@pytest.mark.docker
def test_entering_an_engine_sweeps(docker_client: DockerClient, make_engine: Callable[[], DockerEngine]) -> None:
    left = CampaignResources(docker_client, replace(this_owner(), started="long ago"))
    left.volume("x")
    with make_engine() as engine:
        assert f"docker: removed what a killed run (process {os.getpid()}) left: 1 volume" in engine.notices
    assert things_of(docker_client, left.campaign) == []
