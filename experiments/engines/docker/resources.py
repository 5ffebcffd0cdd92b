"""Docker resources of one campaign: containers, network and volumes, found by label."""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound

from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.owner import Owner

OWNER = "bigdata-matrix.owner"
CAMPAIGN = "bigdata-matrix.campaign"

_ATTEMPTS = 5
_PAUSE_S = 0.2


@dataclass(frozen=True)
class Thing:
    """A container, network or volume with the labels. ``kind`` is its word for people."""

    kind: str
    name: str
    campaign: str
    owner: str


class CampaignResources:
    """The labelled Docker resources of one campaign, made on demand and removed together."""

    def __init__(self, client: DockerClient, owner: Owner) -> None:
        self.client = client
        self.campaign = secrets.token_hex(6)
        self._labels = {OWNER: owner.label(), CAMPAIGN: self.campaign}
        self._numbers = itertools.count(1)
        self._networks: dict[bool, str] = {}

    def network(self, *, internal: bool = True) -> str:
        """Return the campaign's network, made on the first call. No port of an internal one can be published."""
        if internal not in self._networks:
            with docker_errors("make a network"):
                made = self.client.api.create_network(
                    self._name("network"), driver="bridge", internal=internal, labels=self._labels
                )
            self._networks[internal] = str(made["Id"])
        return self._networks[internal]

    def volume(self, purpose: str) -> str:
        """Create an empty volume; return its name."""
        with docker_errors(f"make a volume for {purpose}"):
            return str(self.client.api.create_volume(self._name(purpose), labels=self._labels)["Name"])

    def container(self, purpose: str, image: str, **options: Any) -> str:
        """Create a container without starting it; return its id. ``options`` are the SDK's."""
        with docker_errors(f"make a container for {purpose}"):
            made = self.client.api.create_container(image, name=self._name(purpose), labels=self._labels, **options)
        return str(made["Id"])

    def remove_container(self, container: str) -> None:
        """Kill and remove a container, if it is still there."""
        with docker_errors("remove a container"):
            _remove(self.client, "container", container)

    def remove_with_volumes(self, container: str) -> None:
        """Kill and remove a container and its volumes, if still there. A volume in use goes with everything else."""
        with docker_errors("remove a container with its volumes"):
            try:
                mounts = self.client.api.inspect_container(container)["Mounts"]
            except NotFound:
                return
            _remove(self.client, "container", container)
            for mount in mounts:
                if mount["Type"] == "volume":
                    _remove(self.client, "volume", mount["Name"], tolerant=True)

    def remove_all(self) -> None:
        """Remove everything with the campaign's label, half-made things included."""
        remove_campaign(self.client, self.campaign)

    def _name(self, purpose: str) -> str:
        return f"bigdata-matrix-{self.campaign}-{next(self._numbers)}-{purpose}"


def list_things(client: DockerClient) -> list[Thing]:
    """List everything of any campaign in the engine, in the order of removal."""
    return list(_things(client, OWNER))


def remove_campaign(client: DockerClient, campaign: str) -> list[Thing]:
    """Remove and return everything of one campaign. Raises Failure where something is left after several attempts."""
    removed: dict[Thing, None] = {}
    with docker_errors("remove what the campaign had made"):
        for attempt in range(_ATTEMPTS):
            things = list(_things(client, f"{CAMPAIGN}={campaign}"))
            if not things:
                break
            removed.update(dict.fromkeys(things))
            # A network or volume is in use for a moment after the last container that used it has gone.
            last = attempt == _ATTEMPTS - 1
            for thing in things:
                _remove(client, thing.kind, thing.name, tolerant=not last)
            time.sleep(_PAUSE_S * attempt)
    return list(removed)


def _things(client: DockerClient, label: str) -> Iterator[Thing]:
    api, filters = client.api, {"label": label}
    for kind, found in (
        ("container", api.containers(all=True, filters=filters)),
        ("network", api.networks(filters=filters)),
        ("volume", api.volumes(filters=filters)["Volumes"] or ()),
    ):
        for one in found:
            name, labels = one["Name" if kind == "volume" else "Id"], one["Labels"]
            yield Thing(kind, name, labels.get(CAMPAIGN, ""), labels.get(OWNER, ""))


def _remove(client: DockerClient, kind: str, name: str, *, tolerant: bool = False) -> None:
    api = client.api
    removers: dict[str, Callable[[], None]] = {
        "container": lambda: api.remove_container(name, force=True, v=True),
        "network": lambda: api.remove_network(name),
        "volume": lambda: api.remove_volume(name, force=True),
    }
    try:
        removers[kind]()
    except NotFound:
        return
    except APIError as error:
        # Somebody else removes the container at this moment, which is as well.
        if not tolerant and not (kind == "container" and error.status_code == 409):
            raise
