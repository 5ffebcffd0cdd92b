from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker import DockerClient

from experiments.engines.docker import engine as module
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.docker.images import Images
from experiments.engines.docker.loader_image import describe_build
from experiments.engines.select import open_engine
from experiments.environment.affinity import cores_here
from experiments.environment.cache import sole_use_of_cache
from experiments.environment.image_lock import Asked
from experiments.environment.requirements import lock_hash
from experiments.errors import BadInput, Failure, Unsupported
from experiments.matrix.spec import PostgresConfiguration
from experiments.records.facts import Placement
from tests.experiments.engines.docker.looking import things_of
from tests.project import ROOT

INFO = {
    "ServerVersion": "28.0.1",
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
    "OperatingSystem": "Docker Desktop",
    "OSType": "linux",
    "KernelVersion": "6.6.0-linuxkit",
    "Architecture": "aarch64",
    "NCPU": 4,
    "MemTotal": 2**30,
    "CPUSet": True,
    "CpuCfsQuota": True,
    "MemoryLimit": True,
}

# A campaign that is interrupted while its loader runs.
CAMPAIGN = """
import sys
from pathlib import Path
from experiments.engines.docker.engine import DockerEngine
from experiments.engines.protocol import Launch
from experiments.matrix.spec import PostgresConfiguration
try:
    with DockerEngine(source="debian") as engine:
        print(engine.resources.campaign, flush=True)
        configuration = PostgresConfiguration(version="15", storage="disk")
        server = engine.serve("default", configuration, max_connections=20)
        directory = engine.provide_data(Path(sys.argv[1]))
        host = engine.loader_host("3.13")
        print("running", flush=True)
        while True:
            host.run(Launch(["clear", "--poolsize", "2"], server, None, 60))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def make_far_engine(**info: Any) -> DockerEngine:
    """An engine in a virtual machine or elsewhere, that is asked about itself only."""
    client: Any = SimpleNamespace(api=SimpleNamespace(base_url="http://far:2375"), info=lambda: {**INFO, **info})
    images: Any = SimpleNamespace(source="registry", pythons=lambda: ("3.12", "3.13"))
    return DockerEngine(connect=lambda: client, choose_images=lambda client, asked: (images, None))


def test_an_engine_elsewhere_has_all_its_cores_and_is_not_looked_at() -> None:
    cores = make_far_engine().cores()
    assert (cores.allowed, cores.siblings, cores.pinning, cores.here) == (frozenset(range(4)), {}, True, False)
    assert not make_far_engine(CPUSet=False).cores().pinning


def test_an_engine_says_what_it_is_without_its_address() -> None:
    assert make_far_engine().facts() == {
        "version": "28.0.1",
        "source": "registry",
        "here": False,
        "storage_driver": "overlay2",
        "cgroup_version": "2",
        "rootless": True,
        "system": "Docker Desktop",
        "kernel": "6.6.0-linuxkit",
        "machine": "aarch64",
        "cores": 4,
        "memory_bytes": 2**30,
    }


def test_an_engine_without_security_options_is_not_rootless() -> None:
    assert make_far_engine(SecurityOptions=None).facts()["rootless"] is False


def test_limits_that_the_engine_cannot_hold_to_are_unsupported() -> None:
    everything = frozenset({0})
    make_far_engine().check_placement(Placement(everything, everything, loader_quota=0.25))
    with pytest.raises(Unsupported, match="loader_memory: this Docker engine cannot limit memory"):
        make_far_engine(MemoryLimit=False).check_placement(Placement(everything, everything, loader_memory_bytes=2**26))


def test_an_engine_with_too_little_memory_has_no_storage_there() -> None:
    configuration = PostgresConfiguration(version="17", storage="tmpfs")
    with pytest.raises(Unsupported, match="storage tmpfs: the Docker engine has 1024 MiB of memory, and 2048 MiB are"):
        make_far_engine().serve("memory", configuration, max_connections=20)


def test_an_engine_in_the_wrong_place_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(BadInput, match="no Docker engine answers at unix:///nowhere/"):
        open_engine("docker")


def test_images_are_chosen_once_and_what_there_is_to_say_is_said() -> None:
    asked: list[str] = []
    images: Any = SimpleNamespace(source="debian", pythons=lambda: ("3.13",))

    def choose(client: DockerClient, source: str) -> tuple[Images, str]:
        asked.append(source)
        return images, "they are stand-ins"

    client: Any = SimpleNamespace(api=SimpleNamespace(base_url="http://far:2375"), info=lambda: INFO)
    engine = DockerEngine(source="debian", connect=lambda: client, choose_images=choose)
    before = engine.notices
    assert (engine.pythons(), engine.pythons(), asked) == (("3.13",), ("3.13",), ["debian"])
    assert (before, engine.notices) == ((), ("they are stand-ins",))


class FakeImages:
    """Images of one source, of which none can be pulled where that is the registry."""

    def __init__(self, source: str, problem: str | None = None, pythons: tuple[str, ...] = ("3.11", "3.13")) -> None:
        self.source = source
        self.problem = problem
        self.made: list[str] = []
        self._pythons = pythons

    def pythons(self) -> tuple[str, ...]:
        return self._pythons

    def majors(self) -> tuple[str, ...]:
        return ("17",)

    def make(self, pythons: list[str], majors: list[str], tell: Callable[[str], None]) -> None:
        self.made += [*pythons, *majors]

    def not_pulled(self) -> str | None:
        return self.problem


def make_limited_engine(asked: Asked, debian: FakeImages | None) -> tuple[DockerEngine, FakeImages]:
    """An engine behind which a registry answers that gives no images, and what comes from it."""
    official = FakeImages("registry", "docker: cannot pull python@sha256:ab: toomanyrequests")

    def choose(client: DockerClient, source: str) -> tuple[Any, str | None]:
        if source != "debian":
            return official, None
        if debian is None:
            raise BadInput("mmdebstrap is not installed")
        return debian, None

    client: Any = SimpleNamespace(api=SimpleNamespace(base_url="http://far:2375"), info=lambda: INFO)
    return DockerEngine(source=asked, connect=lambda: client, choose_images=choose), official


def test_where_the_registry_gives_no_images_all_are_made_from_debians_packages_and_that_is_said() -> None:
    debian = FakeImages("debian")
    engine, official = make_limited_engine("auto", debian)
    told: list[str] = []
    engine.make_ready(["3.9", "3.13"], ["17"], told.append)
    assert official.made == debian.made == ["3.9", "3.13", "17"]
    notice = (
        "docker: cannot pull python@sha256:ab: toomanyrequests: base images are made from Debian's packages, "
        "in place of the pinned official images"
    )
    assert told == [notice]
    assert (engine.facts()["source"], engine.notices) == ("debian", (notice,))


@pytest.mark.parametrize(
    ("asked", "debian"),
    [("registry", FakeImages("debian")), ("auto", None), ("auto", FakeImages("debian", pythons=("3.11",)))],
    ids=["the registry was asked for", "no mmdebstrap", "none of these Pythons"],
)
def test_where_debians_packages_are_of_no_use_the_failure_stays(asked: Asked, debian: FakeImages | None) -> None:
    engine, _ = make_limited_engine(asked, debian)
    told: list[str] = []
    engine.make_ready(["3.13"], ["17"], told.append)
    assert (engine.facts()["source"], told) == ("registry", [])
    assert debian is None or debian.made == []


def test_once_something_runs_the_source_stays() -> None:
    engine, _ = make_limited_engine("auto", FakeImages("debian"))
    runs: Any = SimpleNamespace()
    engine._servers["default", None] = runs
    engine.make_ready(["3.13"], ["17"], print)
    assert engine.facts()["source"] == "registry"


@pytest.mark.docker
def test_this_machines_engine_has_the_cores_that_the_harness_has(engine: DockerEngine) -> None:
    if not engine.facts()["here"]:
        pytest.skip("the engine is not on this machine")
    assert engine.cores() == cores_here()


@pytest.mark.docker
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_a_host_is_prepared_once_and_says_what_identifies_it(
    python: str, engine: DockerEngine, images: Images, docker_client: DockerClient
) -> None:
    facts = engine.loader_host(python).facts
    assert engine.loader_host(python) is engine.loader_host(python)
    assert facts.python == python
    assert facts.version.startswith(f"{python}.")
    assert facts.implementation == "CPython"
    image = images.loader(python)
    assert facts.build == f"{describe_build(image.base)}; linux/{docker_client.info()['Architecture']}"
    assert (facts.image, facts.lock_hash) == (image.image_id, lock_hash(python))


@pytest.mark.docker
def test_an_interpreter_that_the_source_has_not_is_unsupported(engine: DockerEngine) -> None:
    with pytest.raises(Unsupported, match=r"Python 3\.8: Debian's packages have 3\.11, 3\.13"):
        engine.loader_host("3.8")


@pytest.mark.docker
def test_data_is_copied_once_and_every_folder_has_its_own_place(engine: DockerEngine, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "file").touch()
    first = engine.provide_data(one)
    assert first.startswith("/data/")
    assert (engine.provide_data(one), engine.provide_data(two) == first) == (first, False)


@pytest.mark.docker
def test_everything_goes_when_the_engine_is_left(
    make_engine: Callable[[], DockerEngine], docker_client: DockerClient, tmp_path: Path
) -> None:
    volumes_before = {volume.name for volume in docker_client.volumes.list()}
    (tmp_path / "file").touch()
    with make_engine() as engine:
        campaign = engine.resources.campaign
        configuration = PostgresConfiguration(version="17", storage="tmpfs")
        server = engine.serve("x", configuration, max_connections=20)
        assert engine.serve("x", configuration, max_connections=20) is server
        engine.provide_data(tmp_path)
        with sole_use_of_cache() as alone:
            assert not alone
        # PostgreSQL and its network; volumes for its password, the loader's, and the data.
        assert len(things_of(docker_client, campaign)) == 5
        new = {volume.name for volume in docker_client.volumes.list()} - volumes_before
        assert {name for name in new if not str(name).startswith("bigdata-matrix-")} == set()
    assert things_of(docker_client, campaign) == []


@pytest.mark.docker
def test_everything_goes_after_ctrl_c(docker_client: DockerClient, images: Images, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with subprocess.Popen(
        [sys.executable, "-c", CAMPAIGN, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as campaign:
        assert campaign.stdout is not None
        token = campaign.stdout.readline().strip()
        assert campaign.stdout.readline() == "running\n"
        while_it_ran = things_of(docker_client, token)
        os.kill(campaign.pid, signal.SIGINT)
        assert campaign.stdout.read() == "interrupted\n"
    assert len(while_it_ran) >= 5
    assert things_of(docker_client, token) == []


def test_what_cannot_be_removed_does_not_hide_what_went_wrong_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sweep", lambda client: [])

    def fail() -> None:
        raise Failure("the engine is gone")

    engine = make_far_engine()
    monkeypatch.setattr(engine.resources, "remove_all", fail)
    with pytest.raises(KeyboardInterrupt), engine:
        raise KeyboardInterrupt
    with pytest.raises(Failure, match="the engine is gone"), engine:
        pass
