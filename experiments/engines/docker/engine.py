"""The docker engine: loaders and PostgreSQL in containers of pinned images, on this machine or a remote one."""

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.types import Mount

from experiments.analysis.differences import NOT_KNOWN
from experiments.engines.docker.base_images import STAND_IN, choose_source
from experiments.engines.docker.cleanup import sweep
from experiments.engines.docker.connect import connect, is_this_machine
from experiments.engines.docker.errors import docker_errors
from experiments.engines.docker.hosts.access import Access
from experiments.engines.docker.images import Images
from experiments.engines.docker.limits import check_limits
from experiments.engines.docker.loader import DockerLoaderHost, loader_secret
from experiments.engines.docker.loader_image import LoaderImage, describe_build, find_built_image
from experiments.engines.docker.owner import this_owner
from experiments.engines.docker.postgres_container import PostgresImage, describe_image_and_start
from experiments.engines.docker.probes import probe_interpreter, probe_netem
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.docker.server import DockerServer, start_server
from experiments.engines.docker.volumes import make_data_volume, volume_mount
from experiments.engines.postgres import MEMORY_NEEDED_BYTES, USER
from experiments.engines.settings import merged_settings
from experiments.environment.affinity import Cores, cores_here
from experiments.environment.cache import cache_in_use
from experiments.environment.image_lock import Asked, Source, load_image_lock
from experiments.environment.requirements import left_out
from experiments.errors import BadInput, Failure, Unsupported
from experiments.matrix.packages import Packages
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import InterpreterFacts, Placement, ServerFacts

_DATA = "/data"

ChooseImages = Callable[[DockerClient, Asked], tuple[Images, str | None]]
"""The images of the source that is asked for, and what must be said aloud about that source."""


def choose_images(client: DockerClient, asked: Asked) -> tuple[Images, str | None]:
    """Choose the locked images of a registry or of Debian's packages. Raises BadInput without either."""
    lock = load_image_lock()
    choice = choose_source(client, lock, asked)
    return Images(client, lock, choice.source, choice.offline), choice.notice


class DockerEngine:
    """Runs everything in containers of the Docker engine that the user means (DOCKER_HOST, a context, the socket)."""

    name = "docker"
    own_postgres = None

    def __init__(
        self,
        *,
        source: Asked = "auto",
        connect: Callable[[], DockerClient] = connect,
        choose_images: ChooseImages = choose_images,
    ) -> None:
        self._client = connect()
        with docker_errors("ask the engine about itself"):
            self._info: Mapping[str, Any] = self._client.info()
            self._here = is_this_machine(self._client)
        self._source = source
        self._choose_images = choose_images
        self._chosen: tuple[Images, str | None] | None = None
        self.resources = CampaignResources(self._client, this_owner())
        self.password = secrets.token_urlsafe(24)
        self._secret: Mount | None = None
        self._hosts: dict[tuple[str, Packages], DockerLoaderHost] = {}
        self._servers: dict[tuple[str, Access | None], DockerServer] = {}
        self._data: dict[Path, Mount] = {}
        self._swept: tuple[str, ...] = ()
        self._netem: tuple[str | None] | None = None
        self._leaving = contextlib.ExitStack()

    def __enter__(self) -> "DockerEngine":
        self._leaving.enter_context(cache_in_use())
        self._swept = tuple(sweep(self._client))
        return self

    def __exit__(self, *exception: object) -> None:
        for made in (self._hosts, self._servers, self._data):
            made.clear()
        with self._leaving:
            try:
                self.resources.remove_all()
            except Failure:
                # What went wrong before matters more; the next campaign removes what is left.
                if exception[0] is None:
                    raise

    def keep(self, other: contextlib.AbstractContextManager[object]) -> None:
        """Enter what has to be left together with this engine."""
        self._leaving.enter_context(other)

    @property
    def source(self) -> Source:
        """The source of its base images."""
        return self._images.source

    @property
    def notices(self) -> tuple[str, ...]:
        """Warnings: removed remains of killed campaigns, and images that replace pinned ones."""
        said = None if self._chosen is None else self._chosen[1]
        return self._swept if said is None else (*self._swept, said)

    def facts(self) -> Mapping[str, Any]:
        """Return the engine's version and the source of its images."""
        info = self._info
        return {
            "version": info["ServerVersion"],
            "source": self._images.source,
            "here": self._here,
            "storage_driver": info["Driver"],
            "cgroup_version": info.get("CgroupVersion", "1"),
            # An engine without any says null.
            "rootless": "name=rootless" in (info["SecurityOptions"] or ()),
            "system": info["OperatingSystem"],
            "kernel": info["KernelVersion"],
            "machine": info["Architecture"],
            "cores": info["NCPU"],
            "memory_bytes": info["MemTotal"],
        }

    def cores(self) -> Cores:
        """Return the harness's cores on this machine, else all cores of the engine."""
        pinning = bool(self._info["CPUSet"])
        if not self._here:
            return Cores(frozenset(range(self._info["NCPU"])), {}, pinning, here=False)
        cores = cores_here()
        return Cores(cores.allowed, cores.siblings, pinning, here=True)

    def pythons(self) -> tuple[str, ...]:
        """Return the versions that have a pinned base image and a lock, oldest first."""
        return self._images.pythons()

    def make_ready(self, pythons: Sequence[str], majors: Sequence[str], tell: Callable[[str], None]) -> None:
        """Build or fetch all images, all from Debian if the registry gives none and any source will do; never mixed."""
        self._images.make(pythons, majors, tell)
        problem = self._images.not_pulled()
        if problem is None or self._source != "auto" or self._hosts or self._servers:
            return
        stand_ins = self._choose_stand_ins(pythons, majors)
        if stand_ins is not None:
            notice = f"{problem}: {STAND_IN}"
            tell(notice)
            self._chosen = stand_ins, notice
            stand_ins.make(pythons, majors, tell)

    def loader_host(self, python: str, packages: Packages = ()) -> DockerLoaderHost:
        """Prepare the interpreter's image once. Raises Unsupported if it has no base image."""
        key = (python, packages)
        if key not in self._hosts:
            image = self._images.loader(python, packages)
            if self._secret is None:
                self._secret = loader_secret(self.resources, image.image_id, USER, self.password)
            facts = self._interpreter_facts(image)
            self._hosts[key] = DockerLoaderHost(self.resources, facts, self.mounts)
        return self._hosts[key]

    def serve(
        self, name: str, configuration: PostgresConfiguration, *, max_connections: int, access: Access | None = None
    ) -> DockerServer:
        """Start the PostgreSQL of this name once; ``access`` is that from another host. It runs until this is left."""
        key = name, access
        if key not in self._servers:
            if configuration.storage == "tmpfs" and self._info["MemTotal"] < MEMORY_NEEDED_BYTES:
                has, needed = (size / 1024**2 for size in (self._info["MemTotal"], MEMORY_NEEDED_BYTES))
                raise Unsupported(
                    f"storage tmpfs: the Docker engine has {has:.0f} MiB of memory, and {needed:.0f} MiB are needed"
                )
            base = self._images.postgres(configuration.version)
            self._servers[key] = start_server(
                self.resources,
                PostgresImage(base.image_id, describe_image_and_start(base.identity), configuration.version),
                configuration,
                name=name,
                max_connections=max_connections,
                password=self.password if access is None else access.password,
                here=self._here and access is None,
                access=access,
            )
        return self._servers[key]

    def server_facts(self, configuration: PostgresConfiguration, *, max_connections: int) -> ServerFacts:
        """Return the identity of a PostgreSQL that is not started, without the version, which only a start tells."""
        base = self._images.postgres(configuration.version)
        settings = merged_settings(configuration.settings, max_connections=max_connections)
        image = describe_image_and_start(base.identity)
        return ServerFacts(NOT_KNOWN, settings, configuration.storage, image=image)

    def check_placement(self, placement: Placement) -> None:
        """Raise Unsupported for limits that this engine, or any, cannot hold to."""
        check_limits(placement, self._info)

    def find_netem_obstacle(self) -> str | None:
        """Try it once, in a container with a network of its own; without an image of a loader it is not known yet."""
        if self._netem is None:
            image = next((host.facts.image for host in self._hosts.values()), None) or find_built_image(self._client)
            if image is None:
                return "it is tried when there is an image of a loader (nox -s images)"
            self._netem = (probe_netem(self.resources, image),)
        return self._netem[0]

    def provide_data(self, directory: Path) -> str:
        """Copy the directory into a volume, once; return its path in every loader."""
        folder = directory.resolve()
        if folder not in self._data:
            path = f"{_DATA}/{len(self._data) + 1}"
            volume = make_data_volume(self.resources, "files", self.any_image(), folder)
            self._data[folder] = volume_mount(volume, path, read_only=True)
        return str(self._data[folder]["Target"])

    def _choose_stand_ins(self, pythons: Sequence[str], majors: Sequence[str]) -> Images | None:
        """Return images of Debian's packages; None if they are unavailable or no cell could use them."""
        try:
            images, _ = self._choose_images(self._client, "debian")
        except BadInput:
            return None
        return images if {*pythons} & {*images.pythons()} and {*majors} & {*images.majors()} else None

    @property
    def _images(self) -> Images:
        if self._chosen is None:
            self._chosen = self._choose_images(self._client, self._source)
        return self._chosen[0]

    def mounts(self) -> list[Mount]:
        """Return what every loader sees: the password, and the files of data."""
        return [*([] if self._secret is None else [self._secret]), *self._data.values()]

    def any_image(self) -> str:
        """Return an image of a loader, made if there is none."""
        made = next(iter(self._hosts.values()), None) or self.loader_host(self.pythons()[-1])
        return str(made.facts.image)

    def _interpreter_facts(self, image: LoaderImage) -> InterpreterFacts:
        probed = probe_interpreter(self.resources, image.image_id)
        info = self._info
        return InterpreterFacts(
            python=image.python,
            version=probed.version,
            implementation=probed.implementation,
            optimized_build=probed.optimized_build,
            build=f"{describe_build(image.base)}; {info['OSType']}/{info['Architecture']}",
            lock_hash=image.lock.hash,
            left_out=left_out(image.lock.file, info["Architecture"]),
            packages=image.lock.packages,
            image=image.image_id,
        )
