"""Container of a PostgreSQL: creation, readiness and log messages."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.types import Mount

from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.hosts.access import Access
from experiments.engines.docker.limits import LOCKED_UP, TEMPORARY
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.docker.volumes import Member, find_account, make_volume, volume_mount
from experiments.engines.postgres import DATABASE, HOST, INITDB_OPTIONS, USER, NotStarted, describe_end, error_messages
from experiments.environment.hashes import PROJECT, short_hash
from experiments.errors import Failure

PORT = 5432

_START = PROJECT / "docker" / "start-postgres.sh"
_ACCOUNT = "postgres"
_SECRETS = "/secrets"
_PASSWORD = "password"  # noqa: S105 - a file's name
_CLUSTER = "cluster"
_SHM_BYTES = 256 * 1024**2
# The write-ahead log may grow to 4 GB before it is used again; a tmpfs takes memory only for what it holds.
_MEMORY_BYTES = 8 * 1024**3
# Versions from this one on have their data one level higher in the official images.
_NEW_LAYOUT = 18

_READY_S = 60.0
_POLL_S = 0.05
_CHECK_S = 5.0
_ENDING_S = 0.5
_LOG_LINES = 200
_STARTING = "bigdata-matrix: starting\n"
_NOT_READY = "FATAL:  the database system is starting up"
_INITDB_FAILED = 64
_SIGNAL_BASE = 128


@dataclass(frozen=True)
class PostgresImage:
    """An image with PostgreSQL, and the identity of a server that runs in it."""

    image_id: str
    identity: str
    major: str


@dataclass(frozen=True)
class StartReport:
    """The container's report: the server's version and the file system of its data."""

    version: str
    file_system: str


def describe_image_and_start(base_identity: str) -> str:
    """Return a server's identity: its image, and the script that initializes and starts it."""
    return f"{base_identity}; {_START.name} {short_hash(_START.read_text(), *INITDB_OPTIONS)}"


def make_container(
    resources: CampaignResources,
    image: PostgresImage,
    *,
    storage: str,
    settings: Mapping[str, str],
    shm_bytes: int | None,
    password: str,
    access: Access | None = None,
) -> str:
    """Create a container with its volumes; return its id. It listens on its loopback interface, which loaders join.

    With ``access`` its port is published, at that one address.
    """
    api = resources.client.api
    home = data_home(describe_image(resources.client, image.image_id), image.major)
    mounts, tmpfs = _storage(resources, image, storage, home, password, access)
    own = {"listen_addresses": HOST, "port": str(PORT), "unix_socket_directories": ""}
    own.update({} if access is None else access.settings(_SECRETS))
    return resources.container(
        f"postgres-{image.major}",
        image.image_id,
        # The official images' entrypoint would start as root.
        user=_ACCOUNT,
        entrypoint=["/bin/sh", "-ec", _START.read_text(), "start-postgres"],
        command=[f"--{name}={value}" for name, value in {**settings, **own}.items()],
        environment={
            "PGDATA": f"{home}/{_CLUSTER}",
            "INITDB_OPTIONS": " ".join(INITDB_OPTIONS),
            "PASSWORD_FILE": f"{_SECRETS}/{_PASSWORD}",
            "DATABASE": DATABASE,
            # The harness reads some of its messages.
            "LC_ALL": "C",
        },
        # A health check would go on starting processes while loaders are measured.
        healthcheck={"test": ["NONE"]},
        # Should somebody stop it by hand: closing connections, and properly.
        stop_signal="SIGINT",
        ports=None if access is None else [PORT],
        host_config=api.create_host_config(
            **LOCKED_UP,
            network_mode=resources.network(internal=access is None),
            # Of the host's ports any that is free.
            port_bindings={} if access is None else {PORT: (access.address,)},
            mounts=mounts,
            tmpfs=tmpfs,
            shm_size=shm_bytes or _SHM_BYTES,
        ),
    )


def data_home(image: Mapping[str, Any], major: str) -> str:
    """Return the image's data volume path, so that the engine adds no volume of its own."""
    declared = sorted(path for path in image["Config"].get("Volumes") or () if path.startswith("/var/lib/postgresql"))
    if declared:
        return str(declared[0])
    return "/var/lib/postgresql" if int(major) >= _NEW_LAYOUT else "/var/lib/postgresql/data"


def wait_until_ready(client: DockerClient, container: str) -> StartReport:
    """Wait until pg_isready succeeds. Raises NotStarted where it ended instead, Failure if late or without cluster."""
    if not is_up(client, container):
        words = start_errors(client, container)
        if inspect_state(client, container)["ExitCode"] == _INITDB_FAILED:
            raise Failure(f"docker: the image's initdb failed: {words}")
        raise NotStarted(words)
    return parse_start_report(_read_log(client, container))


def is_up(client: DockerClient, container: str) -> bool:
    """Wait until the server accepts connections (true) or has ended (false). Raises Failure if neither is in time."""
    deadline = time.monotonic() + _READY_S
    while (state := find_state(client, container)) is not None and state["Running"]:
        if _is_ready(client, container):
            return True
        if time.monotonic() > deadline:
            words = start_errors(client, container)
            raise Failure(f"docker: PostgreSQL was not ready within {_READY_S:.0f} s: {words}")
        time.sleep(_POLL_S)
    return False


def describe_image(client: DockerClient, image_id: str) -> Mapping[str, Any]:
    """Inspect an image."""
    with docker_errors(f"look at the image {image_id}"):
        described: Mapping[str, Any] = client.images.get(image_id).attrs
    return described


def inspect_state(client: DockerClient, container: str) -> dict[str, Any]:
    """Inspect the container's state."""
    with docker_errors("look at a container"):
        state: dict[str, Any] = client.api.inspect_container(container)["State"]
    return state


def find_state(client: DockerClient, container: str) -> dict[str, Any] | None:
    """Inspect the container's state; None if it is gone."""
    try:
        return inspect_state(client, container)
    except Failure as failure:
        if isinstance(failure.__cause__, NotFound):
            return None
        raise


def find_published_port(client: DockerClient, container: str) -> int:
    """Return the port of its host at which a running container is published."""
    with docker_errors("look at a container's port"):
        (published,) = client.api.port(container, PORT)
    return int(published["HostPort"])


def start_errors(client: DockerClient, container: str) -> str:
    """Return PostgreSQL's messages about why it did not start."""
    return find_messages(_read_log(client, container))


def explain_end(client: DockerClient, container: str, limit: str) -> str:
    """Explain why a running server ended: its last messages, a signal, or its memory ``limit``."""
    state = find_state(client, container)
    if state is None:
        return "its container was removed"
    if state["OOMKilled"]:
        return f"out of memory: over {limit}"
    return describe_end(max(0, state["ExitCode"] - _SIGNAL_BASE), _read_log(client, container))


def find_messages(log: str) -> str:
    """Extract from a container's log why PostgreSQL ended."""
    # Making the cluster has words of its own, which are of no interest once it is made; and it answers pg_isready.
    lines = log.rpartition(_STARTING)[2].splitlines()
    return error_messages("\n".join(line for line in lines if not line.endswith(_NOT_READY)))


def parse_start_report(log: str) -> StartReport:
    """Parse the start script's report. Raises Failure if there is none."""
    version = re.search(r"^bigdata-matrix: version .*\(PostgreSQL\) (\d+(?:\.\d+)*)", log, re.MULTILINE)
    file_system = re.search(r"^bigdata-matrix: storage (\S+)", log, re.MULTILINE)
    if version is None or file_system is None:
        raise Failure(f"docker: {_START.name} did not say what it started: {error_messages(log)}")
    return StartReport(version[1], file_system[1])


def _storage(
    resources: CampaignResources, image: PostgresImage, storage: str, home: str, password: str, access: Access | None
) -> tuple[list[Mount], dict[str, str]]:
    """Make the volumes with secrets and data, and the file systems in memory."""
    postgres = find_account(resources, image.image_id, _ACCOUNT)
    secrets = [Member(_PASSWORD, password.encode(), postgres, 0o400)]
    secrets += [] if access is None else access.members(postgres)
    mounts = [volume_mount(make_volume(resources, "password", image.image_id, secrets), _SECRETS, read_only=True)]
    if storage == "tmpfs":
        # Not by its mode alone: in place of a folder of the image it gets that folder's.
        options = f"size={_MEMORY_BYTES},uid={postgres.user_id},gid={postgres.group_id},mode=700"
        return mounts, {**TEMPORARY, home: options}
    data = make_volume(resources, "data", image.image_id, [Member(_CLUSTER, None, postgres, 0o700)])
    return [*mounts, volume_mount(data, home, read_only=False)], dict(TEMPORARY)


def _read_log(client: DockerClient, container: str) -> str:
    with docker_errors("read the log of PostgreSQL"):
        text: bytes = client.api.logs(container, tail=_LOG_LINES)
    return text.decode(errors="replace")


def _is_ready(client: DockerClient, container: str) -> bool:
    command = ["pg_isready", "--quiet", f"--host={HOST}", f"--port={PORT}", f"--username={USER}"]
    api = client.api
    with docker_errors("ask whether PostgreSQL is ready"):
        try:
            check = api.exec_create(container, command)["Id"]
            # Its output is not asked for: only that would need a connection which stays open.
            api.exec_start(check, detach=True)
            deadline = time.monotonic() + _CHECK_S
            while (found := api.exec_inspect(check))["Running"] and time.monotonic() < deadline:
                time.sleep(_POLL_S / 5)
        except APIError:
            # It may be ending, of which the engine hears a moment later.
            time.sleep(_ENDING_S)
            if inspect_state(client, container)["Running"]:
                raise
            return False
    return bool(found["ExitCode"] == 0)
