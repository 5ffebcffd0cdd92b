"""Loader runs, each in a fresh container: restricted, on its cores, always removed.

It joins the network namespace of its server and reaches it by the loopback interface, as the local engine's loaders
do. A bridge between the two would be measured with the driver: with it, psycopg2 on threads took 24 us of CPU per row
instead of 19, and each container took 0.24 s to start instead of 0.07 s (engine 20.10, Linux 6.18, 2 cores).
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from docker import DockerClient
from docker.types import Mount

from experiments.engines.docker.connect import REQUEST_S
from experiments.engines.docker.errors import SDK_ERRORS, docker_errors
from experiments.engines.docker.limits import LOCKED_UP, TEMPORARY, companion_limits, loader_limits
from experiments.engines.docker.out_of_memory import describe_limit, find_out_of_memory
from experiments.engines.docker.postgres_container import inspect_state
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.docker.server import DockerServer
from experiments.engines.docker.volumes import Account, Member, make_volume, volume_mount
from experiments.engines.protocol import UNWATCHED, Finished, Launch, Server
from experiments.errors import Failure
from experiments.records.facts import InterpreterFacts, Placement

LOADER_ACCOUNT = Account(65532, 65532)
"""Whom the image's processes run as: nobody's number, and no name is needed."""

NETWORK_ADMIN: Mapping[str, Any] = {"cap_add": ["NET_ADMIN"]}
"""Of the one step that changes the network of a run."""

_PROGRAM = ("/opt/loader/bin/python", "-m", "bigdata.cmd")
# Of PgBouncer, so that nobody else listens there in a network namespace of PostgreSQL's own.
_RELAY_PORT = 6432
_SECRETS = "/secrets"
_PASSWORD_FILE = "pgpass"  # noqa: S105 - a file's name
# A loader that is asked to stop may take 5 s to close its connections.
_PATIENCE_S = 6
_SIGNAL_BASE = 128


class DockerLoaderHost:
    """An interpreter with the loader's packages, in an image; ``mounts`` are those of every loader."""

    def __init__(
        self, resources: CampaignResources, facts: InterpreterFacts, mounts: Callable[[], Sequence[Mount]]
    ) -> None:
        self.resources = resources
        self.facts = facts
        self._mounts = mounts

    def run(self, launch: Launch, *, pid_mode: str | None = None) -> Finished:
        """Run the loader and wait for it; ``pid_mode`` is the container whose process namespace it joins.

        Raises Failure where it cannot be started, and where the engine does not answer.
        """
        limits = {**loader_limits(launch.placement), **({} if pid_mode is None else {"pid_mode": pid_mode})}
        limits |= NETWORK_ADMIN if launch.network_admin else {}
        container = self._make("loader", launch.arguments, launch.server, limits, launch.environment, port=launch.port)
        try:
            finished = run_container(self.resources.client, container, launch.timeout_s, launch.watch)
            if finished.returncode == 0:
                return finished
            return self._explained(finished, container, launch)
        finally:
            self.resources.remove_container(container)

    def run_under(self, instrument: Sequence[str], image: str, launch: Launch) -> Finished:
        """Run the loader in another image as the child of a program, whose command line goes in front."""
        entrypoint = [*instrument, *_PROGRAM]
        options = {"image": image, "entrypoint": entrypoint}
        limits = loader_limits(launch.placement)
        container = self._make("loader", launch.arguments, launch.server, limits, launch.environment, options)
        try:
            return run_container(self.resources.client, container, launch.timeout_s, with_stderr=True)
        finally:
            self.resources.remove_container(container)

    def free_port(self) -> int:
        """Return the port of a relay: the namespace is that of one server, which has one run at a time."""
        return _RELAY_PORT

    def beside(self, arguments: Sequence[str], *, server: Server, placement: Placement) -> "DockerCompanion":
        """Make ready a program that runs beside a loader, on the server's cores, in the same network namespace."""
        limits = companion_limits(placement)
        make = partial(self._make, arguments[0], arguments, server, limits, {})
        return DockerCompanion(self.resources, make, here=server.pid is not None)

    def _make(
        self,
        purpose: str,
        arguments: Sequence[str],
        server: Server | None,
        limits: Mapping[str, Any],
        environment: Mapping[str, str],
        program: Mapping[str, Any] | None = None,
        port: int | None = None,
    ) -> str:
        """Create the container without starting it. Raises Failure if that fails or the server is unusable."""
        if server is not None:
            if not isinstance(server, DockerServer):
                raise Failure("the docker engine only loads into its own servers")
            if server.obstacle is not None:
                raise Failure(server.obstacle)
            arguments = ["--dburl", server.url(port=port), *arguments]
        api = self.resources.client.api
        return self.resources.container(
            purpose,
            **(program or {"image": str(self.facts.image)}),
            command=list(arguments),
            # Only root's processes get what is added.
            user="0:0" if "cap_add" in limits else f"{LOADER_ACCOUNT.user_id}:{LOADER_ACCOUNT.group_id}",
            environment={**environment, "PGPASSFILE": f"{_SECRETS}/{_PASSWORD_FILE}"},
            host_config=api.create_host_config(
                **LOCKED_UP,
                **limits,
                network_mode="none" if server is None else server.network_mode,
                mounts=list(self._mounts()),
                tmpfs=dict(TEMPORARY),
            ),
        )

    def _explained(self, finished: Finished, container: str, launch: Launch) -> Finished:
        """Add the cause if memory ran out."""
        client, server, placement = self.resources.client, launch.server, launch.placement
        others = (server.container,) if isinstance(server, DockerServer) else ()
        found = find_out_of_memory(client, container, inspect_state(client, container), others)
        if not found:
            return finished
        side = "loader" if container in found else "server"
        size = None if placement is None else getattr(placement, f"{side}_memory_bytes")
        return replace(finished, cause=f"out of memory: over {describe_limit(side, size)}")


class DockerCompanion:
    """A program that runs beside a loader, in a container that ``make`` makes; ``here``: on the harness's machine."""

    def __init__(self, resources: CampaignResources, make: Callable[[], str], *, here: bool) -> None:
        self.resources = resources
        self._make = make
        self._here = here
        self.pid: int | None = None
        self._container: str | None = None
        self.finished: Finished | None = None

    def __enter__(self) -> "DockerCompanion":
        self._started_s = time.perf_counter()
        try:
            self._container = self._make()
            with docker_errors("start what runs beside a loader"):
                self.resources.client.api.start(self._container)
            if self._here:
                # 0 where it has ended already.
                self.pid = inspect_state(self.resources.client, self._container)["Pid"] or None
        except Failure as failure:
            self.finished = Finished(1, "", f"error: {failure}", 0.0, is_child=False)
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop it (SIGTERM, then SIGKILL) and remove it. Raises no Failure."""
        if self._container is None:
            return
        try:
            if self.finished is None:
                self.finished = self._stop(self._container)
        except Failure as failure:
            # An engine that is gone: whoever talks to it next finds that out, too.
            self.finished = Finished(1, "", f"error: {failure}", 0.0, is_child=False)
        finally:
            # What is left then goes with all that the campaign has in the engine.
            with suppress(Failure):
                self.resources.remove_container(self._container)

    def _stop(self, container: str) -> Finished:
        api = self.resources.client.api
        with docker_errors("stop what runs beside a loader"):
            api.stop(container, timeout=_PATIENCE_S)
            code = int(api.wait(container, timeout=REQUEST_S)["StatusCode"])
            stdout = api.logs(container, stdout=True, stderr=False)
            stderr = api.logs(container, stdout=False, stderr=True)
        return _finished(code, stdout, stderr, time.perf_counter() - self._started_s)


def loader_secret(resources: CampaignResources, image: str, user: str, password: str) -> Mount:
    """Make a volume with a password file that only loaders can read; ``image`` is any present one."""
    line = f"*:*:*:{user}:{password}\n"
    member = Member(_PASSWORD_FILE, line.encode(), LOADER_ACCOUNT, 0o600)
    return volume_mount(make_volume(resources, "pgpass", image, [member]), _SECRETS, read_only=True)


def run_container(
    client: DockerClient,
    container: str,
    timeout_s: float,
    watch: AbstractContextManager[object] = UNWATCHED,
    *,
    with_stderr: bool = False,
) -> Finished:
    """Start a container, wait for its end, and read what it printed; ``watch`` is entered and left around its life.

    Standard error is read of what failed, or ``with_stderr``.
    """
    api = client.api
    started = time.perf_counter()
    with docker_errors("run a loader"):
        api.start(container)
        with watch, _time_limit(client, container, timeout_s) as passed:
            # The bound is for an engine that hangs: the time limit ends the container, and with it the waiting.
            code = int(api.wait(container, timeout=math.ceil(timeout_s) + _PATIENCE_S + REQUEST_S)["StatusCode"])
        wall_s = time.perf_counter() - started
        stdout = api.logs(container, stdout=True, stderr=False)
        stderr = b"" if code == 0 and not with_stderr else api.logs(container, stdout=False, stderr=True)
    return replace(_finished(code, stdout, stderr, wall_s), timed_out=passed.is_set() and code != 0)


def _finished(code: int, stdout: bytes, stderr: bytes, wall_s: float) -> Finished:
    return Finished(
        returncode=_SIGNAL_BASE - code if code > _SIGNAL_BASE else code,
        stdout=stdout.decode(errors="replace"),
        stderr=stderr.decode(errors="replace"),
        wall_s=wall_s,
        is_child=False,
    )


@contextmanager
def _time_limit(client: DockerClient, container: str, timeout_s: float) -> Iterator[threading.Event]:
    """Limit a container's time by a thread, as waiting over ssh knows no limit; the event tells that it has passed."""
    passed = threading.Event()

    def end() -> None:
        passed.set()
        # It may have ended by itself; or the engine is gone, which the waiting thread finds out, too.
        with suppress(*SDK_ERRORS):
            # SIGTERM, some patience, SIGKILL.
            client.api.stop(container, timeout=_PATIENCE_S)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield passed
    finally:
        timer.cancel()
