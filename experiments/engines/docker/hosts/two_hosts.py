"""Two docker engines as one: loaders on one host, PostgreSQL on the other, and the network between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from docker.types import Mount

from experiments.engines.docker.connect import connect
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.hosts.access import ROOT_FILE, ROOT_FOLDER, Access
from experiments.engines.docker.hosts.certificate import make_certificate
from experiments.engines.docker.hosts.keeper import keeper
from experiments.engines.docker.loader import LOADER_ACCOUNT, DockerCompanion, DockerLoaderHost
from experiments.engines.docker.probes import probe_source_address
from experiments.engines.docker.server import DockerServer
from experiments.engines.docker.volumes import Member, make_volume, volume_mount
from experiments.engines.protocol import Finished, Launch, Server
from experiments.environment.affinity import Cores
from experiments.errors import BadInput, Unsupported
from experiments.matrix.network import Host
from experiments.matrix.packages import Packages
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import Placement, ServerFacts


class TwoHosts:
    """The engine of cells whose loader and server are on two hosts, by the ``main`` engine that the harness entered.

    Raises Unsupported where an engine does not answer or a host cannot be reached.
    """

    name = "docker"
    own_postgres = None
    notices = ()

    def __init__(self, main: DockerEngine, loader: Host, server: Host) -> None:
        if server.address is None:
            raise Unsupported("the server's host has no address: write the one by which the loader's host reaches it")
        self._main = main
        self._hosts = loader, server
        self._address = server.address
        self._loader, self._server = self._engine_of(loader), self._engine_of(server)
        if self._loader is self._server:
            raise Unsupported("both hosts have the same Docker engine: give one of them a context")
        self._entered = False

    def __enter__(self) -> "TwoHosts":
        """Enter the engines that the harness did not; what they have is removed even if it is killed."""
        if not self._entered:
            engines = zip(self._hosts, (self._loader, self._server), strict=True)
            kept = [(host.context, engine.resources.campaign) for host, engine in engines]
            self._main.keep(keeper(kept))
            for engine in {self._loader, self._server} - {self._main}:
                self._main.keep(engine)
            self._entered = True
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing: all is left together with the main engine."""

    def facts(self) -> Mapping[str, Any]:
        """Return the identity of the server's engine."""
        return self._server.facts()

    def cores(self) -> Cores:
        """Return the loader's cores, with those of the server's machine."""
        return replace(self._loader.cores(), here=False, server=self._server.cores())

    def pythons(self) -> tuple[str, ...]:
        """Return the versions of the loader's engine."""
        return self._loader.pythons()

    def make_ready(self, pythons: Sequence[str], majors: Sequence[str], tell: Callable[[str], None]) -> None:
        """Make the images of each side on its host."""
        with self:
            for engine in {self._loader, self._server} - {self._main}:
                for line in engine.notices:
                    tell(line)
            self._loader.make_ready(pythons, (), tell)
            self._server.make_ready((), majors, tell)

    def loader_host(self, python: str, packages: Packages = ()) -> "ApartLoaderHost":
        """Prepare the interpreter on the loader's host, with the certificate that signed the server's."""
        made = self._loader.loader_host(python, packages)
        mounts = [self._root_certificate]
        cores = self._loader.cores().allowed
        return ApartLoaderHost(made, lambda: [*self._loader.mounts(), *mounts], cores, self._address)

    def server_facts(self, configuration: PostgresConfiguration, *, max_connections: int) -> ServerFacts:
        """Return the identity of a PostgreSQL that is not started."""
        return self._server.server_facts(configuration, max_connections=max_connections)

    def serve(self, name: str, configuration: PostgresConfiguration, *, max_connections: int) -> DockerServer:
        """Start the PostgreSQL of this name on its host, published for the loader's."""
        server = self._server.serve(name, configuration, max_connections=max_connections, access=self._access)
        server.facts = replace(server.facts, host=self._server.facts())
        return server

    def check_placement(self, placement: Placement) -> None:
        """Raise Unsupported for limits that one of the engines cannot hold to."""
        for engine in (self._loader, self._server):
            engine.check_placement(placement)

    def find_netem_obstacle(self) -> str:
        """Return why not: the network is real."""
        return "two hosts have a network between them"

    def provide_data(self, directory: Path) -> str:
        """Copy the directory to the loader's host."""
        return self._loader.provide_data(directory)

    def _engine_of(self, host: Host) -> DockerEngine:
        if host.context is None:
            return self._main
        try:
            return DockerEngine(source=self._main.source, connect=partial(connect, host.context))
        except BadInput as problem:
            raise Unsupported(str(problem)) from problem

    @cached_property
    def _access(self) -> Access:
        client = self._hosts[0].address or probe_source_address(
            self._loader.resources, self._loader.any_image(), self._address
        )
        return Access(self._address, client, self._loader.password, make_certificate(self._address))

    @cached_property
    def _root_certificate(self) -> Mount:
        member = Member(ROOT_FILE, self._access.tls.root, LOADER_ACCOUNT, 0o444)
        volume = make_volume(self._loader.resources, "certificate", self._loader.any_image(), [member])
        return volume_mount(volume, ROOT_FOLDER, read_only=True)


class ApartLoaderHost(DockerLoaderHost):
    """An interpreter on another host than the server's; ``cores`` are all of its host."""

    def __init__(
        self, made: DockerLoaderHost, mounts: Callable[[], Sequence[Mount]], cores: frozenset[int], address: str
    ) -> None:
        super().__init__(made.resources, made.facts, mounts)
        self._cores = cores
        self._address = address

    def run(self, launch: Launch, *, pid_mode: str | None = None) -> Finished:
        """Run the loader; what it says has no address in it, as records are published."""
        finished = super().run(launch, pid_mode=pid_mode)
        return replace(finished, stderr=finished.stderr.replace(self._address, "(the server's host)"))

    def beside(self, arguments: Sequence[str], *, server: Server, placement: Placement) -> DockerCompanion:
        """Make ready a program that runs beside a loader on this host, off its cores: its clock is the loader's."""
        others = self._cores - placement.loader_cpus or self._cores
        return super().beside(arguments, server=server, placement=replace(placement, server_cpus=others))
