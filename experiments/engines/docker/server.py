"""PostgreSQL server in a container of its own."""

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from docker import DockerClient
from docker.errors import APIError

from experiments.engines.docker import postgres_container
from experiments.engines.docker.cgroup import ask_cpu_s, cpu_file, read_cpu_s
from experiments.engines.docker.errors import check_engine, docker_errors, error_message
from experiments.engines.docker.hosts.access import Access
from experiments.engines.docker.limits import ALL_MEMORY, server_limits
from experiments.engines.docker.out_of_memory import describe_limit
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.postgres import DATABASE, HOST, MEMORY_FILE_SYSTEMS, USER, NotStarted
from experiments.engines.settings import merged_settings, refused
from experiments.errors import EngineLost, Failure, Unsupported
from experiments.formatting import memory_size
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import Placement, ServerFacts


class DockerServer:
    """A PostgreSQL in a container, replaced by an empty one of ``make`` when it ended; ``here``: on this machine.

    With ``access`` its loaders are on another host.
    """

    def __init__(
        self,
        resources: CampaignResources,
        container: str,
        facts: ServerFacts,
        *,
        make: Callable[[], str],
        here: bool,
        access: Access | None = None,
    ) -> None:
        self.container = container
        self.data = None
        self._resources = resources
        self._make = make
        self.facts = facts
        self._here = here
        self._access = access
        self._limits: Mapping[str, Any] = {}
        self._memory_bytes: int | None = None
        self.obstacle: str | None = None
        """The reason why it cannot be measured under its placement; None if it can."""
        self._find_counter()

    def url(self, database: str = DATABASE, *, port: int | None = None) -> str:
        """Return the address of a database for its loaders, without the password; ``port`` is a relay's."""
        if self._access is not None:
            published = postgres_container.find_published_port(self._client, self.container)
            return self._access.url(database, published)
        return f"postgresql://{USER}@{HOST}:{port or postgres_container.PORT}/{database}"

    @property
    def network_mode(self) -> str:
        """The network of its loaders: its own namespace, or that of their host, where no bridge is on the way."""
        return f"container:{self.container}" if self._access is None else "host"

    def place(self, placement: Placement) -> None:
        """Limit the container, started again if it has ended. A limit that the server has outgrown is an obstacle."""
        state = postgres_container.find_state(self._client, self.container)
        if state is None or not state["Running"]:
            self._start_again()
        limits = server_limits(placement)
        self._memory_bytes = placement.server_memory_bytes
        if limits != self._limits:
            self._limits = {}
            with docker_errors("set the limits of PostgreSQL"):
                self.obstacle = self._update(limits)
            self._limits = {} if self.obstacle else limits

    def find_end(self) -> str | None:
        """Return why it ended; None if it runs. Waits while it recovers from a crash. Raises EngineLost."""
        check_engine(self._client)
        try:
            if postgres_container.is_up(self._client, self.container):
                return None
            return postgres_container.explain_end(
                self._client, self.container, describe_limit("server", self._memory_bytes)
            )
        except EngineLost:
            raise
        except Failure:
            # The engine does not tell, which the run's own reason says.
            return None

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes since its start; of an ended one, those seen last."""
        found = read_cpu_s(self._counter) if self._counter is not None else ask_cpu_s(self._client, self.container)
        if found is not None:
            self._seen_cpu_s = found
        return self._seen_cpu_s

    def stop(self) -> None:
        """Remove its container, with files left open; its volumes go with the engine. Safe to call twice."""
        self._resources.remove_container(self.container)

    @property
    def _client(self) -> DockerClient:
        return self._resources.client

    def _update(self, limits: Mapping[str, Any]) -> str | None:
        """Set the limits; return the obstacle if the server is too big for them."""
        try:
            self._client.api.update_container(self.container, **limits)
        except APIError as error:
            # Version 1 of control groups refuses a limit below what is in use.
            if limits["mem_limit"] == ALL_MEMORY["mem_limit"] or "memory" not in error_message(error).lower():
                raise
            return f"PostgreSQL already uses more than the server's limit of {memory_size(limits['mem_limit'])}"
        return None

    def _start_again(self) -> None:
        # Not on the data that is left: a volume that is full, say, would end it again while it recovers, and it would
        # have more behind it than the server that the campaign began with.
        self._limits, self.obstacle = {}, None
        try:
            self._resources.remove_with_volumes(self.container)
            self.container = self._make()
            with docker_errors("start PostgreSQL again"):
                self._client.api.start(self.container)
            postgres_container.wait_until_ready(self._client, self.container)
        except (NotStarted, Failure) as problem:
            # Nothing that runs half: the next run is to try anew.
            with contextlib.suppress(Failure):
                self._resources.remove_with_volumes(self.container)
            check_engine(self._client)
            raise Failure(f"PostgreSQL {self.facts.version} has ended and does not start again: {problem}") from problem
        self._find_counter()

    def _find_counter(self) -> None:
        pid = postgres_container.inspect_state(self._client, self.container)["Pid"]
        self.pid = pid if self._here else None
        self._counter = cpu_file(pid) if self._here else None
        self._seen_cpu_s = 0.0


def start_server(
    resources: CampaignResources,
    image: postgres_container.PostgresImage,
    configuration: PostgresConfiguration,
    *,
    name: str,
    max_connections: int,
    password: str,
    here: bool,
    access: Access | None = None,
) -> DockerServer:
    """Make and start a PostgreSQL with an empty database ``bigdata``.

    ``name`` is the configuration's, for messages. Raises Unsupported where the engine has no such storage,
    RefusedSettings where PostgreSQL does not start with the settings, Failure where it does not for another reason.
    """
    settings = merged_settings(configuration.settings, max_connections=max_connections)
    make = partial(
        postgres_container.make_container,
        resources,
        image,
        storage=configuration.storage,
        settings=settings,
        shm_bytes=configuration.shm_size,
        password=password,
        access=access,
    )
    container = make()
    with docker_errors(f"start PostgreSQL {image.major}"):
        resources.client.api.start(container)
    try:
        said = postgres_container.wait_until_ready(resources.client, container)
    except NotStarted as refusal:
        raise refused(name, image.major, configuration.settings, str(refusal)) from refusal
    check_storage(configuration.storage, said)
    facts = ServerFacts(
        version=said.version,
        settings=settings,
        storage=configuration.storage,
        image=image.identity,
        image_id=image.image_id,
    )
    return DockerServer(resources, container, facts, make=make, here=here, access=access)


def check_storage(storage: str, said: postgres_container.StartReport) -> None:
    """Raise Unsupported where the engine's volumes are kept in memory: durable commits would cost nothing there."""
    if storage == "disk" and said.file_system in MEMORY_FILE_SYSTEMS:
        raise Unsupported(
            f"storage disk: the Docker engine keeps its volumes on a {said.file_system}, in memory, so it would "
            "measure no disk; give the engine a data-root on a disk"
        )
