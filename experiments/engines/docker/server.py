"""A PostgreSQL in a container of its own: started, confined, watched, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker import DockerClient
from docker.errors import APIError

from experiments.affinity import Placement
from experiments.engines.cluster import DATABASE, HOST, MEMORY_FILE_SYSTEMS, USER, NotStarted
from experiments.engines.docker.belongings import Belongings
from experiments.engines.docker.control_group import ask_cpu_s, cpu_file, read_cpu_s
from experiments.engines.docker.failing import told, words
from experiments.engines.docker.isolation import ALL_MEMORY, server_limits
from experiments.engines.docker.postgres import (
    PORT,
    PostgresImage,
    Said,
    inspect_state,
    last_words,
    make_container,
    wait_until_ready,
)
from experiments.engines.protocol import ServerFacts
from experiments.engines.refusal import refused
from experiments.engines.settings import merged_settings
from experiments.errors import Failure, Unsupported
from experiments.spec import PostgresConfiguration
from experiments.wording import memory_size


class DockerServer:
    """A running PostgreSQL in a container. ``here``: whether this machine has its control group."""

    def __init__(self, belongings: Belongings, container: str, facts: ServerFacts, *, here: bool) -> None:
        self.container = container
        self._belongings = belongings
        self._facts = facts
        self._here = here
        self._limits: Mapping[str, Any] = {}
        self._obstacle: str | None = None
        self._find_counter()

    @property
    def facts(self) -> ServerFacts:
        """What identifies it."""
        return self._facts

    @property
    def obstacle(self) -> str | None:
        """Why loaders cannot be measured against it under its present placement; None where they can."""
        return self._obstacle

    def url(self, database: str = DATABASE) -> str:
        """The address of a database for who is in its network namespace; without the password."""
        return f"postgresql://{USER}@{HOST}:{PORT}/{database}"

    def place(self, placement: Placement) -> None:
        """Hold the container to the server's side of a placement.

        One that memory ran out for is started again: its limit may be another one now. Raises Failure where it has
        ended for another reason, which it should not by itself. A limit that the server has outgrown is an obstacle.
        """
        state = inspect_state(self._client, self.container)
        if not state["Running"]:
            self._start_again(state)
        limits = server_limits(placement)
        if limits != self._limits:
            self._limits = {}
            with told("set the limits of PostgreSQL"):
                self._obstacle = self._update(limits)
            self._limits = {} if self._obstacle else limits

    def cpu_s(self) -> float:
        """CPU seconds used since its start by all its processes, those that have ended included.

        Of one that has ended meanwhile: as many as were seen last.
        """
        found = read_cpu_s(self._counter) if self._counter is not None else ask_cpu_s(self._client, self.container)
        if found is not None:
            self._seen_cpu_s = found
        return self._seen_cpu_s

    def stop(self) -> None:
        """Remove its container; its volumes go with the engine. Safe to call twice.

        Nobody waits for it to close its files properly, as nobody will read them.
        """
        self._belongings.remove_container(self.container)

    @property
    def _client(self) -> DockerClient:
        return self._belongings.client

    def _update(self, limits: Mapping[str, Any]) -> str | None:
        """Set the limits; returns the obstacle where the server is too big for them."""
        try:
            self._client.api.update_container(self.container, **limits)
        except APIError as error:
            # Version 1 of control groups refuses a limit below what is in use.
            if limits["mem_limit"] == ALL_MEMORY["mem_limit"] or "memory" not in words(error).lower():
                raise
            return f"PostgreSQL already uses more than the server's limit of {memory_size(limits['mem_limit'])}"
        return None

    def _start_again(self, state: Mapping[str, Any]) -> None:
        if not state["OOMKilled"]:
            said = last_words(self._client, self.container)
            raise Failure(
                f"PostgreSQL {self.facts.version} is gone: {said} (exit code {state['ExitCode']}). "
                "The same command starts another one and goes on"
            )
        self._limits = {}
        with told("start PostgreSQL again"):
            self._client.api.update_container(self.container, **ALL_MEMORY)
            self._client.api.start(self.container)
        try:
            wait_until_ready(self._client, self.container)
        except NotStarted as problem:
            raise Failure(f"PostgreSQL ran out of memory and does not start again: {problem}") from problem
        self._find_counter()

    def _find_counter(self) -> None:
        pid = inspect_state(self._client, self.container)["Pid"]
        self._counter = cpu_file(pid) if self._here else None
        self._seen_cpu_s = 0.0


def start_server(
    belongings: Belongings,
    image: PostgresImage,
    configuration: PostgresConfiguration,
    *,
    name: str,
    max_connections: int,
    password: str,
    here: bool,
) -> DockerServer:
    """Make and start a PostgreSQL with an empty database ``bigdata``.

    ``name`` is the configuration's, for messages. Raises Unsupported where the engine has no such storage,
    RefusedSettings where PostgreSQL does not start with the settings, Failure where it does not for another reason.
    """
    settings = merged_settings(configuration.settings, max_connections=max_connections, name=name)
    container = make_container(
        belongings,
        image,
        storage=configuration.storage,
        settings=settings,
        shm_bytes=configuration.shm_size,
        password=password,
    )
    with told(f"start PostgreSQL {image.major}"):
        belongings.client.api.start(container)
    try:
        said = wait_until_ready(belongings.client, container)
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
    return DockerServer(belongings, container, facts, here=here)


def check_storage(storage: str, said: Said) -> None:
    """Raise Unsupported where the engine's volumes are kept in memory: durable commits would cost nothing there."""
    if storage == "disk" and said.file_system in MEMORY_FILE_SYSTEMS:
        raise Unsupported(
            f"storage disk: the Docker engine keeps its volumes on a {said.file_system}, in memory, so it would "
            "measure no disk; give the engine a data-root on a disk"
        )
