"""Looking at what is in a Docker engine."""

from __future__ import annotations

from typing import Any

from docker import DockerClient

from experiments.engines.docker.resources import CAMPAIGN
from experiments.engines.docker.server import DockerServer

PASSWORD = "a-password-that-stands-nowhere"
PSQL = ["psql", "--no-align", "--tuples-only", "--host=127.0.0.1", "--username=bigdata", "--dbname=bigdata"]


def run_inside(client: DockerClient, container: str, command: list[str], **options: Any) -> str:
    """What a command prints in a running container."""
    api = client.api
    check = api.exec_create(container, command, **options)["Id"]
    output: bytes = api.exec_start(check)
    assert api.exec_inspect(check)["ExitCode"] == 0, output
    return output.decode()


def ids_of(client: DockerClient, kind: str, campaign: str) -> list[str]:
    """All containers, networks or volumes of one campaign."""
    filters = {"label": f"{CAMPAIGN}={campaign}"}
    if kind == "volume":
        return [volume["Name"] for volume in client.api.volumes(filters=filters)["Volumes"] or ()]
    found: list[dict[str, Any]]
    found = (
        client.api.containers(all=True, filters=filters)
        if kind == "container"
        else client.api.networks(filters=filters)
    )
    return [one["Id"] for one in found]


def things_of(client: DockerClient, campaign: str) -> list[str]:
    """All containers, networks and volumes of one campaign."""
    return [name for kind in ("container", "network", "volume") for name in ids_of(client, kind, campaign)]


def limits_of(client: DockerClient, server: DockerServer) -> list[Any]:
    described = client.api.inspect_container(server.container)["HostConfig"]
    return [described[name] for name in ("CpusetCpus", "CpuQuota", "Memory", "MemorySwap")]
