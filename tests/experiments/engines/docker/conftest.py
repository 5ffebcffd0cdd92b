"""What the tests of the docker engine share: images made once per test run, an engine that has been entered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from docker import DockerClient

from experiments.campaign.datasets import PreparedData, provide
from experiments.engines.docker.debian.mmdebstrap import mmdebstrap_missing
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.images import Images
from experiments.engines.docker.owner import this_owner
from experiments.engines.docker.postgres_container import PostgresImage
from experiments.engines.docker.resources import CampaignResources
from experiments.engines.docker.server import DockerServer, start_server
from experiments.environment.affinity import allowed_cpus
from experiments.environment.image_lock import load_image_lock
from experiments.matrix.spec import DataSet, PostgresConfiguration
from experiments.records.facts import Placement
from tests.experiments.engines.docker.looking import PASSWORD, PSQL, run_inside

PYTHONS = ("3.11", "3.13")
MAJORS = ("15", "17")


@pytest.fixture(scope="session")
def images(docker_client: DockerClient) -> Images:
    """Images from Debian's packages as the shipped lock has them: two Pythons, two PostgreSQL (a minute, once)."""
    if (missing := mmdebstrap_missing()) is not None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(missing)
    made = Images(docker_client, load_image_lock(), "debian")
    made.make(PYTHONS, MAJORS, print)
    return made


@pytest.fixture
def resources(docker_client: DockerClient) -> Iterator[CampaignResources]:
    """What a campaign of the test's own has in the engine; removed after the test."""
    made = CampaignResources(docker_client, this_owner())
    yield made
    made.remove_all()


@pytest.fixture(scope="session")
def make_engine(images: Images) -> Callable[[], DockerEngine]:
    """Makes a docker engine that has the images of the test run; it has not been entered."""
    return lambda: DockerEngine(choose_images=lambda client, asked: (images, "they are stand-ins"))


@pytest.fixture(scope="session")
def engine(make_engine: Callable[[], DockerEngine]) -> Iterator[DockerEngine]:
    """An engine that has been entered, for tests that leave it as they find it."""
    with make_engine() as entered:
        yield entered


@pytest.fixture(scope="session")
def server(engine: DockerEngine) -> DockerServer:
    """A PostgreSQL in memory, for tests that do not end it."""
    settings = {"synchronous_commit": "off"}
    configuration = PostgresConfiguration(version="17", storage="tmpfs", settings=settings)
    return engine.serve("shared", configuration, max_connections=30)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """A few synthetic records."""
    data_set = DataSet(source="synthetic", state="NY", segments=("01",), records=20)
    return provide(data_set, cache=tmp_path_factory.mktemp("cache"), source="tests")


@pytest.fixture
def everywhere() -> Placement:
    """Both sides on all cores, without limits."""
    cpus = allowed_cpus()
    return Placement(cpus, cpus)


@pytest.fixture
def serve(resources: CampaignResources, images: Images) -> Any:
    """Starts a PostgreSQL of the test's own."""

    def serve(
        major: str, storage: str, *, shm_size: int | None = None, image_id: str | None = None, **settings: str
    ) -> DockerServer:
        base = images.postgres(major)
        return start_server(
            resources,
            PostgresImage(image_id or base.image_id, base.identity, major),
            PostgresConfiguration(version=major, storage=storage, settings=settings, shm_size=shm_size),
            name="mine",
            max_connections=20,
            password=PASSWORD,
            here=False,
        )

    return serve


@pytest.fixture
def ask(docker_client: DockerClient) -> Any:
    """Asks a server of the test's own something in SQL."""

    def ask(server: DockerServer, question: str) -> str:
        command = [*PSQL, f"--command={question}"]
        return run_inside(docker_client, server.container, command, environment={"PGPASSWORD": PASSWORD}).strip()

    return ask
